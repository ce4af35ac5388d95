//! The time for sweeps: of the database's clock, and only while this process's clock agrees.

use crate::store::{Store, on_both};
use std::time::{SystemTime, UNIX_EPOCH};

on_both! {
    agreeing_clock_gets_the_database_time,
    differing_clock_gets_no_time,
}

fn now() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(elapsed.as_millis()).unwrap()
}

async fn agreeing_clock_gets_the_database_time(store: Store) {
    let clocks: [fn() -> i64; 3] = [now, || now() + 800, || now() - 800];
    for clock in clocks {
        let before = now();
        // A busy machine may take too long between two reads of a clock.
        let mut time = None;
        for _ in 0..100 {
            time = store.records.sweep_time(clock).await.unwrap();
            if time.is_some() {
                break;
            }
        }
        let time = time.expect("an accepted clock");
        assert!((before - 10_000..=now()).contains(&time), "{time} at {before}");
    }
}

async fn differing_clock_gets_no_time(store: Store) {
    let clocks: [fn() -> i64; 6] = [
        || now() + 1_100,
        || now() - 1_100,
        || now() + 90_000_000,
        || now() - 90_000_000,
        || 0,
        || i64::MAX,
    ];
    for (number, clock) in clocks.into_iter().enumerate() {
        assert_eq!(store.records.sweep_time(clock).await.unwrap(), None, "{number}");
    }
}
