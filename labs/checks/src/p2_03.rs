//! p2-03, revoke a token: rotation, reuse detection, a deny list, token versions, and the
//! time until a revocation is effective.

mod denied;
mod families;
mod fixture;
mod outage;
mod refresh;
mod versions;
mod window;

use denied::{
    denied_token_is_stored_until_it_expires, logout_is_effective_on_every_replica,
    revocations_survive_restarts_of_all_replicas,
};
use families::{a_second_use_ends_the_family, redis_holds_no_refresh_token};
use grader::{Suite, suite};
use outage::unknown_revocation_state_returns_503;
use refresh::{
    a_refresh_renews_a_short_life, a_refresh_token_is_good_once,
    concurrent_refreshes_have_one_winner,
};
use versions::new_version_ends_all_sessions_of_a_user;
use window::the_window_is_as_long_as_stated;

pub(crate) const SUITE: Suite = suite!("p2-03-revoke-a-token":
    a_refresh_renews_a_short_life,
    a_refresh_token_is_good_once,
    concurrent_refreshes_have_one_winner,
    a_second_use_ends_the_family,
    logout_is_effective_on_every_replica,
    denied_token_is_stored_until_it_expires,
    revocations_survive_restarts_of_all_replicas,
    new_version_ends_all_sessions_of_a_user,
    the_window_is_as_long_as_stated,
    unknown_revocation_state_returns_503,
    redis_holds_no_refresh_token,
);
