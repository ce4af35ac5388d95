//! One proxied connection: a client, its server and the two pipes between them.

use crate::pipe::{Buffered, End, Pipe};
use crate::state::State;
use crate::toxic::{Direction, wait_until};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::atomic::Ordering;
use tokio::net::TcpStream;

/// Serves a connection until one side closes it or a toxic ends it.
pub(crate) async fn serve(mut client: TcpStream, state: State, mut random: ChaCha8Rng) {
    let _open = OpenConnection::new(&state);
    let mut resets = state.resets.subscribe();
    let end = tokio::select! {
        _raised = resets.changed() => End::Reset,
        end = forward(&mut client, &state, &mut random) => end,
    };
    if end == End::Reset {
        // Closing with zero linger sends RST.
        let _closed_already = client.set_zero_linger();
    }
}

async fn forward(client: &mut TcpStream, state: &State, random: &mut ChaCha8Rng) -> End {
    let mut toxics = state.toxics.subscribe();
    wait_until(&mut toxics, |toxics| !toxics.cuts(Direction::ToServer)).await;
    let mut target = state.target.subscribe();
    loop {
        let address = *target.borrow_and_update();
        let Ok(mut server) = TcpStream::connect(address).await else {
            return End::Reset;
        };
        // Nagle's algorithm would add a delay.
        let _best_effort = (client.set_nodelay(true), server.set_nodelay(true));
        let end = tokio::select! {
            _switched = target.changed() => continue,
            end = copy(client, &mut server, state, random) => end,
        };
        if end == End::Reset {
            let _closed_already = server.set_zero_linger();
        }
        return end;
    }
}

/// Forwards both directions until one of them ends the connection.
async fn copy(
    client: &mut TcpStream,
    server: &mut TcpStream,
    state: &State,
    random: &mut ChaCha8Rng,
) -> End {
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let mut pipe = |direction| Pipe {
        direction,
        toxics: state.toxics.subscribe(),
        buffered: Buffered::new(&state.buffered[direction as usize]),
        random: ChaCha8Rng::seed_from_u64(random.next_u64()),
    };
    let to_server = pipe(Direction::ToServer).run(from_client, to_server);
    let to_client = pipe(Direction::ToClient).run(from_server, to_client);
    tokio::pin!(to_server, to_client);
    // After a half-close the other direction continues. A reset ends both.
    tokio::select! {
        end = &mut to_server => match end {
            End::Closed => to_client.await,
            End::Reset => End::Reset,
        },
        end = &mut to_client => match end {
            End::Closed => to_server.await,
            End::Reset => End::Reset,
        },
    }
}

/// Counts a connection while it is open.
struct OpenConnection<'a>(&'a State);

impl<'a> OpenConnection<'a> {
    fn new(state: &'a State) -> Self {
        state.open.fetch_add(1, Ordering::Relaxed);
        Self(state)
    }
}

impl Drop for OpenConnection<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
