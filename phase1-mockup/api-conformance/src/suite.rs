//! The table of contents: every check, as a named test of whatever server is started.
//!
//! A test report of a server then lists each behaviour by name. `$start` is a path that
//! begins with `crate::`, to an `async fn() -> anyhow::Result<Started>`; each test starts
//! a server of its own, and the server ends with the test.

/// What every server promises, whatever it knows its callers by.
#[macro_export]
macro_rules! conformance_suite {
    ($start:path) => {
        $crate::conformance_suite! { named_tests $start }
    };
    ($each:ident $given:tt) => {
        $crate::$each! { $given, every_reply:
            every_reply_names_its_replica_and_its_request
            a_well_formed_request_id_is_taken_over
            an_ill_formed_request_id_is_replaced
            a_problem_carries_the_id_of_its_request
            every_request_has_an_id_of_its_own
            an_unknown_path_is_not_found
            a_wrong_method_is_told_the_right_ones
            every_file_call_asks_for_a_proof
            it_says_that_it_is_alive_and_ready
            metrics_are_not_for_everybody
        }
        $crate::$each! { $given, logins:
            each_person_gets_a_proof_of_their_own
            an_unknown_name_and_a_wrong_password_look_alike
            almost_the_password_is_not_the_password
            a_login_that_cannot_be_understood_is_refused
            a_login_of_another_media_type_is_refused
            a_refused_login_repeats_nothing
            a_proof_is_never_cached
            a_made_up_proof_proves_nothing
        }
        $crate::$each! { $given, uploads:
            an_upload_is_answered_with_all_there_is_to_know_of_it
            an_empty_file_is_a_file
            a_file_of_exactly_the_limit_is_taken
            a_file_beyond_the_limit_leaves_nothing_behind
            a_large_field_beside_the_file_is_refused
            a_repeated_key_is_one_upload
            a_key_cannot_be_used_for_other_bytes
            two_people_may_use_the_same_key
            twenty_uploads_at_once_with_one_key_make_one_file
            without_a_key_each_upload_is_a_file
        }
        $crate::$each! { $given, forms:
            a_form_without_a_file_is_refused
            an_upload_that_is_no_form_is_refused
            a_form_without_an_end_leaves_nothing_behind
            an_upload_that_breaks_off_leaves_nothing_behind
            a_form_with_too_many_parts_is_refused
            a_part_with_a_hundred_headers_is_refused
            an_announced_size_beyond_the_limit_is_refused_unread
            a_refusal_reaches_a_client_that_is_still_sending
        }
        $crate::$each! { $given, listings:
            a_listing_is_newest_first
            a_page_has_as_many_files_as_asked_for
            pages_leave_no_gap_and_repeat_nothing
            a_new_file_does_not_shift_the_next_page
            a_cursor_outlives_the_file_it_stands_on
            a_limit_out_of_bounds_is_refused
            a_cursor_that_nobody_gave_out_is_refused
        }
        $crate::$each! { $given, downloads:
            the_bytes_come_back_as_they_went_in
            bytes_that_look_like_a_boundary_are_bytes
            json_holds_the_bytes_in_base64
            json_ends_at_one_mebibyte
            the_entity_tag_is_the_hash
            bytes_that_are_known_are_not_sent_again
            head_says_what_get_would
            a_stored_page_is_never_shown
        }
        $crate::$each! { $given, ranges:
            a_range_may_be_the_beginning
            a_range_may_be_the_middle
            a_range_may_be_the_end
            a_range_is_cut_at_the_end_of_the_file
            a_range_past_the_end_is_told_the_size
            a_range_that_makes_no_sense_is_ignored
            an_empty_file_has_no_ranges
            a_thousand_ranges_are_no_more_than_the_file
            a_range_of_another_version_is_answered_with_the_whole
            a_range_of_the_same_version_goes_on
        }
        $crate::$each! { $given, deletions:
            a_deleted_file_is_gone_for_ever
            a_file_is_deleted_once
            ten_deletions_at_once_are_one
            a_deletion_spares_all_other_files
            a_late_retry_does_not_bring_a_file_back
        }
        $crate::$each! { $given, ownership:
            anothers_file_cannot_be_described
            anothers_file_cannot_be_read
            anothers_file_cannot_be_asked_about
            anothers_file_cannot_be_deleted
            a_listing_shows_the_callers_files_only
            anothers_cursor_opens_nothing
        }
        $crate::$each! { $given, hostile_names:
            a_name_that_is_a_path_leads_nowhere
            a_name_with_quotes_stays_inside_its_quotes
            a_name_in_any_script_comes_back_exactly
            a_name_cannot_turn_its_direction
            a_name_may_be_missing_or_too_long
            a_name_with_a_line_break_adds_no_header
        }
        $crate::$each! { $given, hostile_input:
            a_file_id_that_is_a_path_is_not_found
            a_path_that_is_no_text_is_a_clients_mistake
            a_request_with_two_lengths_is_refused
            an_unknown_transfer_encoding_is_refused
            a_huge_proof_is_refused
            an_unreadable_proof_is_refused
            a_megabyte_of_password_is_refused_at_once
            no_nonsense_makes_the_server_fail
            a_body_on_a_get_changes_nothing
        }
    };
}

/// What a server that remembers its callers promises besides.
#[macro_export]
macro_rules! session_suite {
    ($start:path) => {
        $crate::session_suite! { named_tests $start }
    };
    ($each:ident $given:tt) => {
        $crate::$each! { $given, sessions:
            fifty_logins_are_fifty_random_ids
            a_session_remembers_whose_it_is
            a_session_grows_with_each_upload
            a_session_remembers_the_newest_uploads
            uploads_at_once_are_all_remembered
            two_sessions_of_one_person_are_apart
            each_use_starts_the_idle_time_anew
            a_made_up_id_is_unknown
            an_id_counts_only_in_its_header
            an_ended_session_is_dead_at_once
            a_password_or_token_is_no_session
        }
    };
}

/// What a server that forgets its callers promises besides.
#[macro_export]
macro_rules! token_suite {
    ($start:path) => {
        $crate::token_suite! { named_tests $start }
    };
    ($each:ident $given:tt) => {
        $crate::$each! { $given, tokens:
            a_token_says_who_for_whom_and_until_when
            each_token_has_an_id_of_its_own
            a_token_is_proof_for_every_file_call
            a_password_is_proof_for_every_file_call
            a_token_that_names_no_algorithm_is_invalid
            a_token_that_was_changed_is_invalid
            a_token_of_another_shape_is_invalid
            a_token_signed_with_another_key_is_invalid
            a_password_in_the_url_is_refused
            a_session_id_is_no_proof
        }
    };
}

/// How a program behaves that was started wrongly; `$program` is its path.
#[macro_export]
macro_rules! usage_suite {
    ($program:expr) => {
        $crate::usage_tests! { $program,
            a_taken_port_is_refused
            a_missing_users_file_is_refused
            a_corrupt_users_file_is_refused
            an_unusable_data_folder_is_refused
            a_remote_address_needs_a_word_of_consent
            the_admin_listener_never_leaves_this_machine
            an_unknown_flag_is_refused
        }
    };
}

/// One entry of a list for each check.
#[doc(hidden)]
#[macro_export]
macro_rules! listed_checks {
    ($list:ident, $group:ident: $($check:ident)*) => {
        $list.extend([$(
            $crate::every_check::Check {
                name: concat!(stringify!($group), "::", stringify!($check)),
                run: |target| Box::pin($crate::checks::$group::$check(target)),
            }
        ),*]);
    };
}

/// One module of tests, one test a check.
#[doc(hidden)]
#[macro_export]
macro_rules! named_tests {
    ($start:path, $group:ident: $($check:ident)*) => {
        mod $group {
            $(
                #[tokio::test]
                async fn $check() -> ::anyhow::Result<()> {
                    let started = $start().await?;
                    $crate::checks::$group::$check(&started).await
                }
            )*
        }
    };
}

/// One test a way of starting a program wrongly.
#[doc(hidden)]
#[macro_export]
macro_rules! usage_tests {
    ($program:expr, $($check:ident)*) => {
        $(
            #[tokio::test]
            async fn $check() -> ::anyhow::Result<()> {
                $crate::usage::$check($program).await
            }
        )*
    };
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// A check that is written but not listed would never run, and nobody would notice.
    #[test]
    fn every_check_is_in_a_suite() {
        let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut files = vec![src.join("usage.rs")];
        let checks = std::fs::read_dir(src.join("checks")).unwrap();
        files.extend(checks.map(|entry| entry.unwrap().path()));
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            for line in text.lines() {
                let Some(rest) = line.strip_prefix("pub async fn ") else {
                    continue;
                };
                let name = rest.split('(').next().unwrap();
                let listed = include_str!("suite.rs").lines();
                let times = listed.filter(|line| line.trim() == name).count();
                assert_eq!(times, 1, "{name} of {} in the suites", file.display());
            }
        }
    }
}
