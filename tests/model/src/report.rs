//! Checks protocols and says what came of it, a line a check.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::check::{Counterexample, Reach, Visit, visit};
use crate::protocol::{Defences, Protocol, Switch};

/// Visits at a time. Each has one thread of its own, and so finds a shortest way, the same every
/// time; two threads on one visit are hardly faster than one.
const AT_A_TIME: usize = 2;

/// A protocol in the list of all.
#[derive(Debug, Clone, Copy)]
pub struct Listed {
    /// Its name.
    pub name: &'static str,
    /// Checks it.
    pub check: fn(&mut Report),
    /// Its defences with the anomalies that they stop, then those it could spare.
    pub defences: fn() -> Vec<(&'static str, &'static [u8])>,
}

/// Lists a protocol.
pub const fn listed<P: Protocol>() -> Listed {
    Listed { name: P::NAME, check: Report::check::<P>, defences: defences::<P> }
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

    /// Checks one protocol: whole, without what it can spare, without each defence.
    pub fn check<P: Protocol>(&mut self) {
        let switches: Vec<&Switch<P::Defence>> = P::SPARE.iter().chain(P::DEFENCES).collect();
        let mut variants = vec![(Defences::ALL, Reach::All)];
        variants.extend(switches.iter().enumerate().map(|(at, switch)| {
            let reach = if at < P::SPARE.len() { Reach::First } else { Reach::All };
            (Defences::without(switch.defence), reach)
        }));
        let mut visits = visit_all::<P>(&variants).into_iter();

        self.protocols += 1;
        if let Some(whole) = visits.next() {
            self.states += whole.states;
            self.whole::<P>(&whole);
        }
        let (mut spare, mut needed) = (Vec::new(), Vec::new());
        for (at, (switch, visit)) in switches.into_iter().zip(visits).enumerate() {
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

/// Visits each variant, in this order, some at a time.
fn visit_all<P: Protocol>(variants: &[(Defences<P::Defence>, Reach)]) -> Vec<Visit> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some((defences, reach)) = variants.get(at) else { return done };
            done.push((at, visit::<P>(*defences, *reach)));
        }
    };
    let mut visits: Vec<(usize, Visit)> = thread::scope(|scope| {
        let workers = [(); AT_A_TIME].map(|()| scope.spawn(work));
        let joined =
            workers.map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)));
        joined.into_iter().flatten().collect()
    });
    visits.sort_by_key(|(at, _)| *at);
    visits.into_iter().map(|(_, visit)| visit).collect()
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
        report.check::<Planted<FAULT>>();
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
