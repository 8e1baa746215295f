//! The table at the end.

use hdrhistogram::Histogram;

use crate::replay::Pass;
use crate::tally::Tally;

/// Prints what the cache did, and the digest that the tests compare.
pub fn print(flights: usize, cached: &Pass, direct: &Pass) {
    let avoided = direct.statements - cached.statements;
    let share = |part: u64, whole: u64| 100.0 * part as f64 / whole as f64;
    println!();
    println!("flights                       {flights:>12}");
    println!("requests                      {:>12}", cached.requests);
    println!("  of them for unknown planes  {:>12}", cached.unknown_planes);
    println!("hit rate                      {:>11.2}%", share(cached.hits, cached.requests));
    println!("database statements           {:>12}", cached.statements);
    println!("  without the cache           {:>12}", direct.statements);
    println!(
        "  avoided                     {avoided:>12}  ({:.2}%)",
        share(avoided, direct.statements)
    );
    println!("hit   mean / p99              {}", times(&cached.hit_times));
    println!("miss  mean / p99              {}", times(&cached.miss_times));
    println!("no cache  mean / p99          {}", times(&direct.miss_times));
    println!(
        "both passes                   {:>9.2?} with, {:.2?} without",
        cached.took, direct.took
    );
    println!();
    println!("digest {} (the same with the cache and without)", cached.digest);
}

/// Prints what was counted, which was compared with a plain count.
pub fn print_tally(tally: &Tally) {
    let (acknowledged, flushed) = tally.took;
    println!();
    println!("counted, written behind       {:>12} writes", tally.writes);
    println!("  acknowledged after          {acknowledged:>12.2?}");
    println!("  all in their rows after     {flushed:>12.2?}");
    println!("counters {} planes, {} routes (equal to a plain count)", tally.planes, tally.routes);
}

fn times(nanos: &Histogram<u64>) -> String {
    let micros = |nanos: f64| nanos / 1000.0;
    format!(
        "{:>9.2} us / {:.2} us",
        micros(nanos.mean()),
        micros(nanos.value_at_quantile(0.99) as f64)
    )
}
