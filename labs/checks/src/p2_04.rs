//! p2-04, caches that disagree: a bounded cache, expiry, a shared cache, and invalidation
//! messages.

mod bound;
mod expiry;
mod fixture;
mod near;
mod races;
mod shared;

use bound::{recently_used_entries_stay, the_cache_is_bounded};
use expiry::{changes_without_a_message_become_visible, old_price_expires};
use grader::{Suite, suite};
use near::{
    a_write_reaches_the_other_replicas, lost_message_is_recovered,
    slow_reader_discards_its_stale_read,
};
use races::{
    a_slow_reader_fills_no_old_price, a_slow_write_leaves_no_old_price,
    last_of_two_writers_wins,
};
use shared::{
    cache_outage_does_not_stop_requests, every_redis_key_expires,
    one_read_fills_the_shared_cache,
};

pub(crate) const SUITE: Suite = suite!("p2-04-caches-that-disagree":
    the_cache_is_bounded,
    recently_used_entries_stay,
    old_price_expires,
    one_read_fills_the_shared_cache,
    a_slow_write_leaves_no_old_price,
    last_of_two_writers_wins,
    a_slow_reader_fills_no_old_price,
    cache_outage_does_not_stop_requests,
    a_write_reaches_the_other_replicas,
    slow_reader_discards_its_stale_read,
    lost_message_is_recovered,
    changes_without_a_message_become_visible,
    every_redis_key_expires,
);
