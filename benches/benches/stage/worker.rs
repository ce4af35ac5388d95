//! Calls timed where handlers run.

use criterion::Bencher;
use std::hint::black_box;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// Times calls one after the other, each with its number.
pub(crate) fn time<Call, Answer>(bencher: &mut Bencher<'_>, runtime: &Runtime, call: Call)
where
    Call: Fn(u64) -> Answer + Clone + Send + 'static,
    Answer: Future<Output: Send> + Send + 'static,
{
    bencher.iter_custom(|calls| in_a_task(runtime, calls, call.clone()));
}

/// In a task of the runtime: in the thread of the benchmark, which is none of its workers,
/// each answer would have to wake that thread first.
fn in_a_task<Call, Answer>(runtime: &Runtime, calls: u64, call: Call) -> Duration
where
    Call: Fn(u64) -> Answer + Send + 'static,
    Answer: Future<Output: Send> + Send + 'static,
{
    let work = async move {
        let began = Instant::now();
        for number in 0..calls {
            black_box(call(number).await);
        }
        began.elapsed()
    };
    runtime.block_on(runtime.spawn(work)).expect("no call panics")
}
