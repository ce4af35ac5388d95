//! p1-03, find the hidden state: a counter, a folder, the step of a form, a queue.

mod forms;
mod numbers;
mod pictures;
mod prints;
mod shop;

use forms::{
    form_continues_at_any_replica, form_survives_restarts_of_all_replicas,
    steps_cannot_be_skipped,
};
use grader::{Suite, suite};
use numbers::{
    concurrent_numbers_are_all_different, numbers_go_on_after_a_crash,
    numbers_go_up_by_one,
};
use pictures::{
    a_picture_is_seen_at_every_replica, a_picture_outlives_the_replica_that_took_it,
    pictures_are_in_the_shared_store,
};
use prints::{accepted_prints_outlive_their_replica, print_is_accepted_immediately};

pub(crate) const SUITE: Suite = suite!("p1-03-find-the-hidden-state":
    numbers_go_up_by_one,
    concurrent_numbers_are_all_different,
    numbers_go_on_after_a_crash,
    a_picture_is_seen_at_every_replica,
    a_picture_outlives_the_replica_that_took_it,
    form_continues_at_any_replica,
    steps_cannot_be_skipped,
    form_survives_restarts_of_all_replicas,
    print_is_accepted_immediately,
    accepted_prints_outlive_their_replica,
    pictures_are_in_the_shared_store,
);
