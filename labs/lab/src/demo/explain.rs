//! One sentence for each cell that differs from its neighbours.

use crate::demo::lane::Lane;
use crate::demo::report::LaneReport;
use crate::demo::scenario::Scenario;

/// A row of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Row {
    Requests,
    Failed,
    LostBefore,
    LostAfter,
    LoggedOut,
    Uploads,
    Recovery,
}

impl Row {
    pub(crate) const ALL: [Self; 7] = [
        Self::Requests,
        Self::Failed,
        Self::LostBefore,
        Self::LostAfter,
        Self::LoggedOut,
        Self::Uploads,
        Self::Recovery,
    ];

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Failed => "failed",
            Self::LostBefore => "logins lost before the fault",
            Self::LostAfter => "logins lost from the fault on",
            Self::LoggedOut => "users logged out by then",
            Self::Uploads => "uploads acknowledged / still there",
            Self::Recovery => "seconds until nobody noticed any more",
        }
    }

    pub(crate) fn cell(self, lane: &LaneReport, users: usize) -> String {
        match self {
            Self::Requests => lane.requests.to_string(),
            Self::Failed => lane.failed.to_string(),
            Self::LostBefore => lane.lost_before.to_string(),
            Self::LostAfter => lane.lost_after.to_string(),
            Self::LoggedOut => format!("{} of {users}", lane.logged_out),
            Self::Uploads => {
                format!("{} / {}", lane.uploads_acknowledged, lane.uploads_there)
            }
            Self::Recovery => {
                let seconds = lane.recovery_s.map(|seconds| format!("{seconds:.1}"));
                seconds.unwrap_or_else(|| "never".to_owned())
            }
        }
    }
}

/// Why a cell is as it is; [`None`] where there is nothing to explain.
pub(crate) fn why(row: Row, lane: &LaneReport, scenario: Scenario) -> Option<String> {
    match row {
        Row::Requests | Row::Uploads => None,
        Row::Failed => Some(failed(lane)),
        Row::LostBefore => Some(lost_before(lane.lane).to_owned()),
        Row::LostAfter | Row::LoggedOut => Some(lost_after(lane, scenario)),
        Row::Recovery => Some(recovery(lane)),
    }
}

fn failed(lane: &LaneReport) -> String {
    if lane.failed == 0 {
        return "no request met a replica that could not answer it".to_owned();
    }
    let fate = "requests were with a replica that died, or met none that was ready; what \
                was sent is never sent twice, so the client is told and asks again";
    fate.to_owned()
}

const fn lost_before(lane: Lane) -> &'static str {
    match lane {
        Lane::MemoryRoundRobin => {
            "any replica gets the next request, and only the one that saw the login \
             remembers it"
        }
        Lane::MemorySticky => {
            "the balancer's cookie brings each user back to the replica that remembers"
        }
        Lane::Token => "every replica can check the signature, so none has to remember",
    }
}

fn lost_after(lane: &LaneReport, scenario: Scenario) -> String {
    let fate = match (lane.lane, scenario) {
        (Lane::MemoryRoundRobin, _) => {
            "it goes on as before the fault: most requests meet a replica that has never \
             seen the user"
        }
        (Lane::MemorySticky, Scenario::KillAReplica) => {
            let at_home = lane.at_home;
            return format!(
                "the memory of {at_home} users was in that process and went with it; \
                 nobody else noticed"
            );
        }
        (Lane::MemorySticky, Scenario::RestartEverything) => {
            "all memories went with their processes; new processes know nobody"
        }
        (Lane::MemorySticky, Scenario::ScaleOut) => {
            "users stay with the replica that remembers them, so the new one helps only \
             users who come later"
        }
        (Lane::MemorySticky, Scenario::RollingRestart) => {
            "no request failed, and still each process took its users' logins with it"
        }
        (Lane::Token, _) => {
            "the proof is in the request; any replica, old or new, can check it"
        }
    };
    fate.to_owned()
}

fn recovery(lane: &LaneReport) -> String {
    match (lane.recovery_s, lane.lane) {
        (None, Lane::MemoryRoundRobin) => {
            "nothing is broken that could recover: this pair of choices does not work"
                .to_owned()
        }
        (None, _) => "users were still in trouble when the demo stopped watching".to_owned(),
        (Some(0.0), _) => "nobody noticed".to_owned(),
        (Some(_), Lane::MemorySticky) => {
            "until the last user of that process had met the balancer's next choice and \
             logged in again"
                .to_owned()
        }
        (Some(_), _) => "until the balancer sent requests to living replicas only".to_owned(),
    }
}
