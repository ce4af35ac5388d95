//! p1-03, find the hidden state: a counter, a folder, the step of a form, a queue.

mod forms;
mod numbers;
mod pictures;
mod prints;
mod shop;

use forms::{
    a_form_goes_on_at_any_replica, a_form_outlives_every_replica,
    a_step_cannot_be_left_out,
};
use grader::{Suite, suite};
use numbers::{
    numbers_go_on_after_a_crash, numbers_go_up_by_one,
    numbers_taken_at_once_are_all_different,
};
use pictures::{
    a_picture_is_seen_at_every_replica, a_picture_outlives_the_replica_that_took_it,
    pictures_are_in_the_shared_store,
};
use prints::{a_print_is_accepted_at_once, accepted_prints_outlive_their_replica};

pub(crate) const SUITE: Suite = suite!("p1-03-find-the-hidden-state":
    numbers_go_up_by_one,
    numbers_taken_at_once_are_all_different,
    numbers_go_on_after_a_crash,
    a_picture_is_seen_at_every_replica,
    a_picture_outlives_the_replica_that_took_it,
    a_form_goes_on_at_any_replica,
    a_step_cannot_be_left_out,
    a_form_outlives_every_replica,
    a_print_is_accepted_at_once,
    accepted_prints_outlive_their_replica,
    pictures_are_in_the_shared_store,
);
