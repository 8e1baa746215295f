//! Checks protocols and says what came of it, a line a check.

use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use crate::check::{Counterexample, Reach, Visit, visit};
use crate::protocol::{Defences, Protocol, Switch};

/// Visits at a time, of whatever protocols. Each has one thread of its own, and so finds a shortest
/// way, the same every time; two threads on one visit are hardly faster than one.
const AT_A_TIME: usize = 2;

/// A visit that is still to be made.
type Job = Box<dyn FnOnce() -> Visit + Send>;

/// A protocol in the list of all.
#[derive(Debug, Clone, Copy)]
pub struct Listed {
    /// Its name.
    pub name: &'static str,
    /// Its defences with the anomalies that they stop, then those it could spare.
    pub defences: fn() -> Vec<(&'static str, &'static [u8])>,
    visits: fn() -> Vec<Job>,
    judge: fn(&mut Report, Vec<Visit>),
}

/// Lists a protocol.
pub const fn listed<P: Protocol>() -> Listed {
    Listed {
        name: P::NAME,
        defences: defences::<P>,
        visits: visits::<P>,
        judge: Report::judge::<P>,
    }
}

/// What it can spare, then what it cannot.
fn switches<P: Protocol>() -> impl Iterator<Item = &'static Switch<P::Defence>> {
    P::SPARE.iter().chain(P::DEFENCES)
}

/// The protocol whole, and without each of these.
fn visits<P: Protocol>() -> Vec<Job> {
    let mut jobs: Vec<Job> = vec![Box::new(|| visit::<P>(Defences::ALL, Reach::All))];
    for (at, switch) in switches::<P>().enumerate() {
        let reach = if at < P::SPARE.len() { Reach::First } else { Reach::All };
        jobs.push(Box::new(move || visit::<P>(Defences::without(switch.defence), reach)));
    }
    jobs
}

fn defences<P: Protocol>() -> Vec<(&'static str, &'static [u8])> {
    let switches = P::DEFENCES.iter().chain(P::SPARE);
    switches.map(|switch| (switch.name, switch.anomalies)).collect()
}

/// Counts what the checks found.
#[derive(Debug, Default)]
pub struct Report {
    verbose: bool,
    protocols: usize,
    states: usize,
    defences: usize,
    counterexamples: usize,
    /// Checks that found what they must.
    pub passed: usize,
    /// Checks that did not.
    pub failed: usize,
}

impl Report {
    /// A report, with every counterexample if `verbose`.
    pub fn new(verbose: bool) -> Self {
        Self { verbose, ..Self::default() }
    }

    /// Checks these, and says in their order what came of it, as soon as it is known.
    pub fn check(&mut self, protocols: &[&Listed]) {
        let jobs: Vec<Vec<Job>> = protocols.iter().map(|protocol| (protocol.visits)()).collect();
        let mut missing: Vec<usize> = jobs.iter().map(Vec::len).collect();
        let mut made: Vec<Vec<(usize, Visit)>> = jobs.iter().map(|_| Vec::new()).collect();
        let of_one = |(protocol, jobs): (usize, Vec<Job>)| {
            jobs.into_iter().enumerate().map(move |(at, job)| (protocol, at, job))
        };
        let all = Mutex::new(jobs.into_iter().enumerate().flat_map(of_one));
        thread::scope(|scope| {
            let (done, visits) = channel();
            for _ in 0..AT_A_TIME {
                let (all, done) = (&all, done.clone());
                scope.spawn(move || work(all, &done));
            }
            drop(done);
            let mut next = 0;
            // A visit that panics is missing here; the scope passes the panic on.
            for (protocol, at, visit) in visits {
                made[protocol].push((at, visit));
                missing[protocol] -= 1;
                while missing.get(next) == Some(&0) {
                    let mut visits = std::mem::take(&mut made[next]);
                    visits.sort_by_key(|(at, _)| *at);
                    let visits = visits.into_iter().map(|(_, visit)| visit).collect();
                    (protocols[next].judge)(self, visits);
                    next += 1;
                }
            }
        });
    }

    fn judge<P: Protocol>(&mut self, visits: Vec<Visit>) {
        let mut visits = visits.into_iter();
        self.protocols += 1;
        if let Some(whole) = visits.next() {
            self.states += whole.states;
            self.whole::<P>(&whole);
        }
        let (mut spare, mut needed) = (Vec::new(), Vec::new());
        for (at, (switch, visit)) in switches::<P>().zip(visits).enumerate() {
            let group = if at < P::SPARE.len() { &mut spare } else { &mut needed };
            group.push((switch, visit));
        }
        self.defences += needed.len();
        for (switch, visit) in &needed {
            self.without(P::NAME, switch, visit);
        }
        for (switch, visit) in &spare {
            self.spared(P::NAME, switch, visit);
        }
    }

    /// The count over all checks.
    pub fn summary(&self) -> String {
        let Self { protocols, states, defences, counterexamples, passed, failed, .. } = self;
        format!(
            "model: {protocols} protocols, {states} states, {defences} defences, \
             {counterexamples} counterexamples\n{passed} passed, {failed} failed"
        )
    }

    fn whole<P: Protocol>(&mut self, whole: &Visit) {
        let states = whole.states;
        let name = P::NAME;
        if let Some(counterexample) = &whole.counterexample {
            self.fail(name, &format!("broken: {}", shown(counterexample)));
        } else if states < P::LEAST_STATES {
            self.fail(name, &format!("{states} states, fewer than {}", P::LEAST_STATES));
        } else if !whole.missing.is_empty() {
            self.fail(name, &format!("these never happen: {}", whole.missing.join("; ")));
        } else {
            self.pass(&format!("{name}: {states} states, holds"));
        }
    }

    fn without<D>(&mut self, protocol: &str, switch: &Switch<D>, visit: &Visit) {
        let check = format!("{protocol} without {}", switch.name);
        let Some(counterexample) = &visit.counterexample else {
            return self.fail(&check, &format!("{} states, no counterexample", visit.states));
        };
        self.counterexamples += 1;
        self.pass(&format!("{check}: counterexample in {} steps", counterexample.steps.len()));
        if self.verbose {
            let numbers: Vec<String> = switch.anomalies.iter().map(u8::to_string).collect();
            println!("    anomaly {}: {}", numbers.join(", "), shown(counterexample));
        }
    }

    fn spared<D>(&mut self, protocol: &str, switch: &Switch<D>, visit: &Visit) {
        let check = format!("{protocol} without {}", switch.name);
        match &visit.counterexample {
            None => self.pass(&format!("{check}: {} states, holds: spare", visit.states)),
            Some(found) => self.fail(&check, &format!("not spare: {}", shown(found))),
        }
    }

    fn pass(&mut self, line: &str) {
        self.passed += 1;
        println!("model {line}");
    }

    fn fail(&mut self, check: &str, why: &str) {
        self.failed += 1;
        println!("model {check}: FAILED: {why}");
    }
}

fn shown(counterexample: &Counterexample) -> String {
    format!("{}: {}", counterexample.steps.join(", "), counterexample.broken)
}

/// Makes visits until none is left.
fn work(
    all: &Mutex<impl Iterator<Item = (usize, usize, Job)>>,
    done: &Sender<(usize, usize, Visit)>,
) {
    loop {
        let next = all.lock().map_or(None, |mut all| all.next());
        let Some((protocol, at, job)) = next else { return };
        if done.send((protocol, at, job())).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Event, event, switch};

    /// A model with a fault of its own in each variant: a counter that is held below 3 twice over,
    /// and by the one of the two that is asked first.
    struct Planted<const FAULT: u8>(Defences<Limit>);

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Limit {
        First,
        Second,
        Nothing,
    }

    const SOUND: u8 = 0;
    const BROKEN: u8 = 1;
    const TINY: u8 = 2;
    const VACUOUS: u8 = 3;
    const IDLE_DEFENCE: u8 = 4;
    const NEEDED_SPARE: u8 = 5;

    impl<const FAULT: u8> Protocol for Planted<FAULT> {
        type Defence = Limit;
        type State = u8;
        type Step = u8;

        const NAME: &'static str = "planted";
        const LEAST_STATES: usize = if FAULT == TINY { 4 } else { 3 };
        const DEFENCES: &'static [Switch<Limit>] = match FAULT {
            IDLE_DEFENCE => &[switch(Limit::Nothing, "nothing", &[1])],
            NEEDED_SPARE => &[],
            _ => &[switch(Limit::First, "first", &[1]), switch(Limit::Second, "second", &[2])],
        };
        const SPARE: &'static [Switch<Limit>] = match FAULT {
            NEEDED_SPARE => &[switch(Limit::First, "first", &[])],
            _ => &[switch(Limit::Nothing, "nothing", &[])],
        };

        fn events() -> Vec<Event<Self>> {
            let least = if FAULT == VACUOUS { 3 } else { 2 };
            let events = [
                event::<Self>("it counts to two", |_, _, after| *after == 2),
                event::<Self>("it counts to three", |_, _, after| *after == 3),
            ];
            events.into_iter().take(least - 1).collect()
        }

        fn new(defences: Defences<Limit>) -> Self {
            Self(defences)
        }

        fn start(&self) -> Vec<u8> {
            vec![0]
        }

        fn steps(&self, _: &u8, steps: &mut Vec<u8>) {
            steps.extend([1, 2]);
        }

        fn apply(&self, state: &u8, step: u8) -> u8 {
            let limit = if step == 1 { Limit::First } else { Limit::Second };
            if state + step > 2 && self.0.stands(limit) { *state } else { (state + step).min(9) }
        }

        fn broken(&self, state: &u8) -> Option<&'static str> {
            let most = if FAULT == BROKEN { 1 } else { 2 };
            (*state > most).then_some("too many")
        }
    }

    fn report<const FAULT: u8>() -> Report {
        let mut report = Report::new(true);
        report.check(&[&listed::<Planted<FAULT>>()]);
        report
    }

    #[test]
    fn a_sound_protocol_passes_with_a_counterexample_for_each_defence() {
        let report = report::<SOUND>();
        assert_eq!((report.passed, report.failed), (4, 0));
        assert_eq!(
            report.summary(),
            "model: 1 protocols, 3 states, 2 defences, 2 counterexamples\n4 passed, 0 failed"
        );
    }

    #[test]
    fn what_becomes_of_one_protocol_says_nothing_of_the_next() {
        let mut report = Report::new(false);
        report.check(&[
            &listed::<Planted<SOUND>>(),
            &listed::<Planted<TINY>>(),
            &listed::<Planted<SOUND>>(),
        ]);
        assert_eq!((report.protocols, report.passed, report.failed), (3, 11, 1));
    }

    #[test]
    fn a_counterexample_is_a_shortest_one() {
        let found = visit::<Planted<SOUND>>(Defences::without(Limit::Second), Reach::All);
        let counterexample = found.counterexample.expect("the defence is needed");
        assert_eq!(counterexample.steps, ["1", "2"]);
        assert_eq!(counterexample.broken, "too many");
    }

    #[test]
    fn planted_faults_fail() {
        // It is as broken without the defence that it can spare: two checks.
        assert_eq!(report::<BROKEN>().failed, 2, "a promise that does not hold");
        assert_eq!(report::<TINY>().failed, 1, "too few states");
        assert_eq!(report::<VACUOUS>().failed, 1, "an event that never happens");
        assert_eq!(report::<IDLE_DEFENCE>().failed, 1, "a defence that nothing needs");
        assert_eq!(report::<NEEDED_SPARE>().failed, 1, "a spare defence that is needed");
    }
}
