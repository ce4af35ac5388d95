//! One socket, from its opening to its end. Every path out of here says why, in a close
//! frame, and takes bounded time.

use super::Subscriber;
use super::news::News;
use super::standing::Still;
use crate::app::AppState;
use api_contract::events::{Event, close};
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior};

/// Between two looks at the proof.
const LOOK: Duration = Duration::from_secs(1);

/// How long a client may take to read what it is sent.
const PATIENCE: Duration = Duration::from_secs(5);

/// Silence after which a client is asked whether it is there, and after which it is not.
const SILENCE: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(60));

/// How long a connection stays open after the close frame: with bytes of the client still
/// unread, closing at once would make its system throw the frame away.
const LINGER: Duration = Duration::from_millis(500);

/// Why a conversation ends: with this frame, or without a word because nobody listens.
type End = Option<CloseFrame>;

/// Holds the conversation until either side ends it.
pub(super) async fn hold(app: AppState, subscriber: Subscriber, mut socket: WebSocket) {
    let end = talk(&app, &subscriber, &mut socket).await;
    let Some(frame) = end else {
        return;
    };
    let (code, reason) = (frame.code, frame.reason.clone());
    let request_id = &subscriber.caller.audit.request_id;
    tracing::info!(code, %reason, request_id, "socket closed");
    let said = socket.send(Message::Close(Some(frame)));
    if matches!(tokio::time::timeout(PATIENCE, said).await, Ok(Ok(()))) {
        let heard = async { while let Some(Ok(_)) = socket.recv().await {} };
        let lingered = Instant::now() + LINGER;
        let _closed = tokio::time::timeout_at(lingered, heard).await;
        if code == close::TOO_LONG {
            tokio::time::sleep_until(lingered).await;
        }
    }
}

async fn talk(app: &AppState, subscriber: &Subscriber, socket: &mut WebSocket) -> End {
    let Ok(mut news) = News::since_now(app, &subscriber.caller.member).await else {
        return frame(close::TRY_AGAIN_LATER, "the records do not answer");
    };
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut heard, mut asked) = (Instant::now(), Instant::now());
    loop {
        let outcome = tokio::select! {
            () = app.events.ending() => return frame(close::RESTART, "this replica stops"),
            _ = look.tick() => {
                if heard.elapsed() > SILENCE.1 {
                    return None;
                }
                if heard.elapsed().min(asked.elapsed()) > SILENCE.0 {
                    asked = Instant::now();
                    let there = Message::Ping(axum::body::Bytes::new());
                    if let Err(end) = send(socket, there).await {
                        return end;
                    }
                }
                stands(app, subscriber).await
            }
            events = news.next() => match events {
                Some(events) => tell(app, subscriber, socket, &events).await,
                None => return frame(close::TRY_AGAIN_LATER, "more news than were read"),
            },
            message = socket.recv() => {
                heard = Instant::now();
                answer(app, subscriber, socket, message).await
            }
        };
        if let Err(end) = outcome {
            return end;
        }
    }
}

/// Whether the conversation may go on.
async fn stands(app: &AppState, subscriber: &Subscriber) -> Result<(), End> {
    if app.drain.readiness.is_draining() {
        return Err(frame(close::RESTART, "this replica stops"));
    }
    authorise(app, subscriber).await
}

/// Tells what is new, if the proof still stands.
async fn tell(
    app: &AppState,
    subscriber: &Subscriber,
    socket: &mut WebSocket,
    events: &[Event],
) -> Result<(), End> {
    authorise(app, subscriber).await?;
    for event in events {
        send(socket, text(event)).await?;
    }
    Ok(())
}

/// Answers one message, if whoever sent it still may send any.
async fn answer(
    app: &AppState,
    subscriber: &Subscriber,
    socket: &mut WebSocket,
    message: Option<Result<Message, axum::Error>>,
) -> Result<(), End> {
    let message = match message {
        None | Some(Ok(Message::Close(_))) => return Err(None),
        // The library names its errors in words alone.
        Some(Err(error)) if error.to_string().contains("too long") => {
            return Err(frame(close::TOO_LONG, "a message has at most 64 KiB"));
        }
        Some(Err(_)) => return Err(None),
        Some(Ok(message)) => message,
    };
    if app.limits.request(subscriber.caller.member.username.as_str()).await.is_err() {
        return Err(frame(close::NOT_ALLOWED, "too many messages"));
    }
    match message {
        Message::Ping(_) | Message::Pong(_) | Message::Close(_) => Ok(()),
        Message::Text(said) => {
            authorise(app, subscriber).await?;
            match said.as_str() {
                "ping" => send(socket, Message::text("pong")).await,
                _ => send(socket, text(&Event::NotUnderstood)).await,
            }
        }
        Message::Binary(_) => {
            authorise(app, subscriber).await?;
            send(socket, text(&Event::NotUnderstood)).await
        }
    }
}

async fn authorise(app: &AppState, subscriber: &Subscriber) -> Result<(), End> {
    match subscriber.standing.look(app).await {
        Still::Stands => Ok(()),
        Still::Dead => Err(frame(close::NOT_ALLOWED, "log in again")),
        Still::Unknown => {
            Err(frame(close::TRY_AGAIN_LATER, "whether you are logged in is unknown now"))
        }
    }
}

async fn send(socket: &mut WebSocket, message: Message) -> Result<(), End> {
    match tokio::time::timeout(PATIENCE, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(None),
    }
}

fn text(event: &Event) -> Message {
    Message::text(serde_json::to_string(event).unwrap_or_default())
}

fn frame(code: u16, reason: &'static str) -> End {
    Some(CloseFrame { code, reason: reason.into() })
}
