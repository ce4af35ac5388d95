//! Checks in the transaction of a change: the caller has its role still, and the change
//! leaves an admin in the organisation and an operator in the service.

use super::AccountChange;
use crate::error::Error;
use records::{AnyConnection, Member, RecordsError, Role, users};
use upload_domain::username::Username;

/// Whether the caller may make these changes now. It locks the roles until the transaction
/// ends, so that two changes at the same moment do not remove the last admin together.
pub(super) async fn permit(
    tx: &mut AnyConnection,
    caller: &Member,
    username: &Username,
    changes: &[AccountChange],
) -> Result<Result<(), Error>, RecordsError> {
    let is_own = caller.username == *username;
    if !changes.iter().any(|change| needs_admin(change, is_own)) {
        return Ok(Ok(()));
    }
    let organisation = &caller.organisation;
    let admins = users::lock_admins(tx, organisation).await?;
    if !admins.contains(&caller.username) {
        return Ok(Err(Error::Forbidden));
    }
    if changes.iter().any(ends_admin) && admins == [username.clone()] {
        return Ok(Err(Error::LastAdmin));
    }
    if changes.iter().any(|change| matches!(change, AccountChange::Operator(_)))
        && !users::is_operator(tx, organisation, &caller.username).await?
    {
        return Ok(Err(Error::Forbidden));
    }
    if changes.iter().any(ends_operator)
        && users::is_operator(tx, organisation, username).await?
        && users::operators(tx, organisation).await? == 1
    {
        return Ok(Err(Error::LastOperator));
    }
    Ok(Ok(()))
}

/// A new password and a sign-out are also for the account itself. The credential of a former
/// admin may still say that it is one.
const fn needs_admin(change: &AccountChange, is_own: bool) -> bool {
    match change {
        AccountChange::Role(_)
        | AccountChange::Disabled(_)
        | AccountChange::Operator(_) => true,
        AccountChange::Password { .. } | AccountChange::SignOut => !is_own,
    }
}

const fn ends_admin(change: &AccountChange) -> bool {
    matches!(change, AccountChange::Role(Role::Member) | AccountChange::Disabled(true))
}

const fn ends_operator(change: &AccountChange) -> bool {
    matches!(change, AccountChange::Operator(false) | AccountChange::Disabled(true))
}
