//! The orders that are missing: the difference between the balancer's status and what should
//! be, without I/O.

use load_balancer::status::{BackendState, Status};
use std::net::SocketAddr;
use std::time::Duration;

/// A replica that has ended stays listed for this time, so that its ejection by the health
/// checks can be observed. If it is listed as up after that, another program has its port.
const EJECTION_LIMIT: Duration = Duration::from_secs(3);

/// What the balancer should know of one replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ReplicaGoal {
    pub(super) id: String,
    /// The address while the process runs.
    pub(super) address: Option<SocketAddr>,
    pub(super) drained: bool,
    /// The time since the process ended.
    pub(super) ended_for: Option<Duration>,
}

/// One order to the balancer. Each may be repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Put { id: String, address: SocketAddr, drained: bool },
    SetDrained { id: String, drained: bool },
    Remove { id: String },
}

/// The orders that make the balancer's list equal to `goals`; none if it is equal already.
pub(super) fn difference(status: &Status, goals: &[ReplicaGoal]) -> Vec<Order> {
    let mut orders: Vec<_> =
        goals.iter().filter_map(|goal| order(status, goals, goal)).collect();
    let unknown = status.backends.iter().map(|backend| &backend.id);
    let unknown = unknown.filter(|id| goals.iter().all(|goal| goal.id != **id));
    orders.extend(unknown.map(|id| Order::Remove { id: id.clone() }));
    orders
}

fn order(status: &Status, goals: &[ReplicaGoal], goal: &ReplicaGoal) -> Option<Order> {
    let ReplicaGoal { id, address, drained, ended_for } = goal.clone();
    let listed = status.backend(&id);
    match (address, listed) {
        (Some(address), Some(listed)) if listed.address == address => {
            // The state does not tell: a replica that reports "not ready" is listed as
            // draining, too, and gets new clients when it is ready again.
            (listed.drained != drained).then_some(Order::SetDrained { id, drained })
        }
        (Some(address), _) => Some(Order::Put { id, address, drained }),
        (None, Some(listed)) => {
            let taken = goals.iter().any(|other| other.address == Some(listed.address));
            let overdue = ended_for.is_some_and(|ended| ended > EJECTION_LIMIT);
            let stale = taken || (overdue && listed.state == BackendState::Up);
            stale.then_some(Order::Remove { id })
        }
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use load_balancer::config::Policy;
    use load_balancer::status::BackendStatus;

    fn at(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn listed(id: &str, port: u16, state: BackendState) -> BackendStatus {
        BackendStatus {
            id: id.to_owned(),
            address: at(port),
            state,
            drained: state == BackendState::Draining,
            in_flight: 0,
            served: 0,
            failures: 0,
            since_ms: 0,
        }
    }

    /// Listed as draining because it is not ready; no command has drained it.
    fn not_ready(id: &str, port: u16) -> BackendStatus {
        BackendStatus { drained: false, ..listed(id, port, BackendState::Draining) }
    }

    fn live(id: &str, port: u16) -> ReplicaGoal {
        let id = id.to_owned();
        ReplicaGoal { id, address: Some(at(port)), drained: false, ended_for: None }
    }

    fn drained(id: &str, port: u16) -> ReplicaGoal {
        ReplicaGoal { drained: true, ..live(id, port) }
    }

    fn ended(id: &str, seconds: u64) -> ReplicaGoal {
        let ended_for = Some(Duration::from_secs(seconds));
        ReplicaGoal { address: None, ended_for, ..live(id, 1) }
    }

    fn put(id: &str, port: u16, drained: bool) -> Order {
        Order::Put { id: id.to_owned(), address: at(port), drained }
    }

    fn set_drained(drained: bool) -> Order {
        Order::SetDrained { id: "r1".to_owned(), drained }
    }

    fn remove(id: &str) -> Order {
        Order::Remove { id: id.to_owned() }
    }

    /// Compares the orders for a list at the balancer and some replicas.
    fn check(
        what: &str,
        backends: &[BackendStatus],
        goals: &[ReplicaGoal],
        expected: &[Order],
    ) {
        let backends = backends.to_vec();
        let status = Status { policy: Policy::RoundRobin, backends };
        assert_eq!(difference(&status, goals), expected, "{what}");
    }

    #[test]
    fn equal_lists_need_no_order() {
        use BackendState::{Down, Draining, Starting, Up};
        for state in [Up, Down, Starting] {
            let what = format!("a live replica that is {state:?}");
            check(&what, &[listed("r1", 1, state)], &[live("r1", 1)], &[]);
        }
        check("drained", &[listed("r1", 1, Draining)], &[drained("r1", 1)], &[]);
        check("not ready", &[not_ready("r1", 1)], &[live("r1", 1)], &[]);
        check("killed just now", &[listed("r1", 1, Up)], &[ended("r1", 1)], &[]);
        check("ejected", &[listed("r1", 1, Down)], &[ended("r1", 99)], &[]);
        check("dead and unknown", &[], &[ended("r1", 9)], &[]);
    }

    #[test]
    fn live_replicas_are_registered_and_drained() {
        use BackendState::{Down, Draining, Up};
        let both = [put("r1", 1, false), put("r2", 2, true)];
        check("new balancer", &[], &[live("r1", 1), drained("r2", 2)], &both);
        let again = [put("r1", 1, false)];
        check("new address", &[listed("r1", 9, Down)], &[live("r1", 1)], &again);
        let (drain, undrain) = ([set_drained(true)], [set_drained(false)]);
        check("drain", &[listed("r1", 1, Up)], &[drained("r1", 1)], &drain);
        check("undrain", &[listed("r1", 1, Draining)], &[live("r1", 1)], &undrain);
        check("drain, not ready", &[not_ready("r1", 1)], &[drained("r1", 1)], &drain);
        check("drain, down", &[listed("r1", 1, Down)], &[drained("r1", 1)], &drain);
    }

    #[test]
    fn dead_and_unknown_replicas_are_removed() {
        use BackendState::{Down, Up};
        let first = [remove("r1")];
        check("dead and up", &[listed("r1", 1, Up)], &[ended("r1", 9)], &first);
        let same_port = [listed("r1", 2, Down), listed("r2", 2, Up)];
        check("taken port", &same_port, &[ended("r1", 0), live("r2", 2)], &first);
        let two = [listed("r1", 1, Up), listed("r2", 2, Up)];
        check("failed add", &two, &[live("r1", 1)], &[remove("r2")]);
    }
}
