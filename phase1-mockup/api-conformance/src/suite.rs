//! The list of all checks, and macros that turn them into named tests of a server.
//!
//! `$start` is a path that begins with `crate::`, to an `async fn() -> anyhow::Result<Started>`.
//! Each test starts its own server, which ends with the test.

/// The checks for every server, with any kind of authentication.
#[macro_export]
macro_rules! conformance_suite {
    ($start:path) => {
        $crate::conformance_suite! { named_tests $start }
    };
    ($each:ident $given:tt) => {
        $crate::$each! { $given, every_reply:
            every_reply_has_replica_and_request_id
            well_formed_request_id_is_kept
            malformed_request_id_is_replaced
            problem_instance_is_the_request_id
            each_request_gets_a_unique_id
            unknown_path_returns_404
            wrong_method_returns_405_with_allow
            file_calls_require_authentication
            livez_and_readyz_return_200
            public_listener_serves_no_metrics
        }
        $crate::$each! { $given, logins:
            each_account_gets_its_own_credential
            unknown_user_and_wrong_password_are_indistinguishable
            similar_password_is_refused
            malformed_login_is_refused
            login_is_one_json_object
            login_with_another_media_type_is_refused
            refused_login_does_not_echo_its_input
            login_reply_is_not_cacheable
            credentials_in_the_url_are_refused
            forged_credential_is_refused
        }
        $crate::$each! { $given, uploads:
            upload_reply_describes_the_file
            empty_file_is_accepted
            file_of_maximum_size_is_accepted
            file_above_the_limit_is_not_stored
            large_form_field_counts_toward_the_limit
            repeated_idempotency_key_stores_one_file
            idempotency_key_cannot_be_reused_for_other_bytes
            idempotency_key_is_scoped_to_the_account
            concurrent_uploads_with_one_key_store_one_file
            uploads_without_a_key_are_separate_files
        }
        $crate::$each! { $given, forms:
            form_without_a_file_is_refused
            form_without_a_selected_file_is_refused
            file_name_is_found_in_every_form_of_header
            long_media_type_is_refused
            compressed_upload_is_refused
            upload_without_a_multipart_form_is_refused
            truncated_form_is_not_stored
            disconnected_upload_is_not_stored
            form_with_too_many_parts_is_refused
            part_with_a_hundred_headers_is_refused
            large_content_length_is_refused_before_the_body
            refusal_reaches_a_client_that_is_still_sending
        }
        $crate::$each! { $given, listings:
            listing_is_newest_first
            page_has_the_requested_size
            pages_have_no_gap_and_no_duplicate
            new_file_does_not_shift_the_next_page
            cursor_survives_deletion_of_its_file
            limit_out_of_bounds_is_refused
            forged_cursor_is_refused
        }
        $crate::$each! { $given, downloads:
            downloaded_bytes_equal_uploaded_bytes
            boundary_like_bytes_are_stored_unchanged
            json_contains_the_bytes_in_base64
            json_content_is_limited_to_one_mebibyte
            etag_is_the_hash
            matching_if_none_match_returns_304
            failing_if_match_returns_412
            unmodified_file_has_no_false_length
            head_has_the_headers_of_get
            stored_html_is_never_rendered
        }
        $crate::$each! { $given, ranges:
            range_at_the_start_returns_206
            range_in_the_middle_returns_206
            range_at_the_end_returns_206
            range_beyond_the_end_is_clamped
            range_after_the_end_returns_416_with_the_size
            invalid_range_is_ignored
            range_of_an_empty_file_returns_416
            many_ranges_send_at_most_the_file
            if_range_mismatch_returns_the_whole_file
            if_range_match_returns_the_range
        }
        $crate::$each! { $given, deletions:
            deleted_file_is_not_found
            second_deletion_is_not_found
            deletion_with_a_failing_condition_is_refused
            concurrent_deletions_succeed_once
            deletion_keeps_other_files
            late_retry_does_not_restore_a_deleted_file
        }
        $crate::$each! { $given, ownership:
            foreign_file_description_is_not_found
            foreign_file_content_is_not_found
            head_of_a_foreign_file_is_not_found
            foreign_file_cannot_be_deleted
            listing_shows_own_files_only
            foreign_cursor_shows_no_foreign_files
        }
        $crate::$each! { $given, hostile_names:
            path_as_file_name_is_neutralized
            quotes_in_a_file_name_are_escaped
            unicode_file_name_is_preserved
            bidi_controls_are_removed_from_file_names
            missing_or_long_file_name_is_accepted
            line_break_in_a_file_name_adds_no_header
        }
        $crate::$each! { $given, hostile_input:
            malformed_file_id_is_not_found
            invalid_utf8_in_a_path_is_a_client_error
            two_content_length_headers_are_refused
            unknown_transfer_encoding_is_refused
            huge_credential_is_refused
            malformed_credential_is_refused
            huge_password_is_refused_without_hashing
            malformed_headers_cause_no_server_error
            malformed_query_is_a_client_error
            body_of_a_get_is_ignored
        }
    };
}

/// The additional checks for a stateful server.
#[macro_export]
macro_rules! session_suite {
    ($start:path) => {
        $crate::session_suite! { named_tests $start }
    };
    ($each:ident $given:tt) => {
        $crate::$each! { $given, sessions:
            session_ids_are_random_and_unique
            session_view_shows_its_owner
            session_grows_with_each_upload
            session_keeps_the_newest_file_names
            concurrent_uploads_are_all_recorded_in_the_session
            sessions_of_one_account_are_independent
            each_request_resets_the_idle_timeout
            forged_session_id_is_unknown
            session_id_is_accepted_only_in_its_header
            ended_session_is_invalid_at_once
            password_and_token_are_not_accepted_as_sessions
        }
    };
}

/// The additional checks for a stateless server.
#[macro_export]
macro_rules! token_suite {
    ($start:path) => {
        $crate::token_suite! { named_tests $start }
    };
    ($each:ident $given:tt) => {
        $crate::$each! { $given, tokens:
            token_has_subject_audience_and_expiry
            each_token_has_a_unique_id
            token_is_accepted_by_every_file_call
            basic_auth_is_accepted_by_every_file_call
            token_without_algorithm_is_invalid
            modified_token_is_invalid
            malformed_token_is_invalid
            token_signed_with_another_key_is_invalid
            session_id_is_refused
        }
    };
}

/// The checks for invalid command lines; `$program` is the path of the program.
#[macro_export]
macro_rules! usage_suite {
    ($program:expr) => {
        $crate::usage_tests! { $program,
            taken_port_is_refused
            missing_users_file_is_refused
            corrupt_users_file_is_refused
            unusable_data_folder_is_refused
            remote_address_requires_insecure_remote
            admin_listener_accepts_loopback_only
            unknown_flag_is_refused
        }
    };
}

/// A list entry for each check.
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

/// A module with one test for each check.
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

/// One test for each invalid command line.
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

    /// A check that is not listed would never run.
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
