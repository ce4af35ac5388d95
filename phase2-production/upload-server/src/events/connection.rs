//! One WebSocket connection from upgrade to close. Every end sends a close frame with a
//! reason, if the client can still receive it, and takes bounded time.

use super::Subscriber;
use super::poller::Subscription;
use super::reauth::ReauthOutcome;
use crate::state::AppState;
use api_contract::events::{Event, close};
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior};

/// Time between two checks of the credential.
const REAUTH_INTERVAL: Duration = Duration::from_secs(1);

/// Longest time for sending one message to the client.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);

/// Silence after which the client gets a ping.
const PING_AFTER: Duration = Duration::from_secs(20);

/// Silence after which the client counts as gone.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a connection stays open after the close frame. If the server closes at once
/// while bytes of the client are unread, the client's TCP stack discards the frame.
const LINGER_TIMEOUT: Duration = Duration::from_millis(500);

/// How a connection ends: with this close frame, or with none.
type Closing = Option<CloseFrame>;

/// Serves the connection until either side ends it.
pub(super) async fn serve(app: AppState, subscriber: Subscriber, mut socket: WebSocket) {
    let end = exchange(&app, &subscriber, &mut socket).await;
    let Some(frame) = end else {
        // The library sends the answer to a close frame while it reads on.
        drain(&mut socket, Instant::now() + LINGER_TIMEOUT).await;
        return;
    };
    let (code, reason) = (frame.code, frame.reason.clone());
    let request_id = &subscriber.caller.audit.request_id;
    tracing::info!(code, %reason, request_id, "socket closed");
    let sent = socket.send(Message::Close(Some(frame)));
    if matches!(tokio::time::timeout(SEND_TIMEOUT, sent).await, Ok(Ok(()))) {
        let lingered = Instant::now() + LINGER_TIMEOUT;
        drain(&mut socket, lingered).await;
        if [close::TOO_LONG, close::PROTOCOL_ERROR, close::NO_TEXT].contains(&code) {
            // The rest of the client's bytes cannot be read as frames.
            tokio::time::sleep_until(lingered).await;
        }
    }
}

/// Reads until the client closes, or until the deadline.
async fn drain(socket: &mut WebSocket, deadline: Instant) {
    let drained = async { while let Some(Ok(_)) = socket.recv().await {} };
    let _closed = tokio::time::timeout_at(deadline, drained).await;
}

async fn exchange(
    app: &AppState,
    subscriber: &Subscriber,
    socket: &mut WebSocket,
) -> Closing {
    let Ok(mut subscription) = Subscription::open(app, &subscriber.caller.member).await
    else {
        return frame(close::TRY_AGAIN_LATER, "the database does not answer");
    };
    let mut tick = tokio::time::interval(REAUTH_INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut received_at, mut pinged_at) = (Instant::now(), Instant::now());
    loop {
        let outcome = tokio::select! {
            () = app.connections.closing() => return frame(close::RESTART, "replica stops"),
            _ = tick.tick() => {
                if received_at.elapsed() > CLIENT_TIMEOUT {
                    return None;
                }
                if received_at.elapsed().min(pinged_at.elapsed()) > PING_AFTER {
                    pinged_at = Instant::now();
                    let ping = Message::Ping(axum::body::Bytes::new());
                    if let Err(end) = send(socket, ping).await {
                        return end;
                    }
                }
                check_open(app, subscriber).await
            }
            events = subscription.next() => match events {
                Some(events) => push(app, subscriber, socket, &events).await,
                None => return frame(close::TRY_AGAIN_LATER, "events were dropped"),
            },
            message = socket.recv() => {
                received_at = Instant::now();
                reply(app, subscriber, socket, message).await
            }
        };
        if let Err(end) = outcome {
            return end;
        }
    }
}

/// Whether the connection may stay open.
async fn check_open(app: &AppState, subscriber: &Subscriber) -> Result<(), Closing> {
    if app.drain.readiness.is_draining() {
        return Err(frame(close::RESTART, "replica stops"));
    }
    reauthenticate(app, subscriber).await
}

/// Sends new events if the credential is still valid.
async fn push(
    app: &AppState,
    subscriber: &Subscriber,
    socket: &mut WebSocket,
    events: &[Event],
) -> Result<(), Closing> {
    reauthenticate(app, subscriber).await?;
    for event in events {
        send(socket, text(event)).await?;
    }
    Ok(())
}

/// Answers one message if the credential is still valid.
async fn reply(
    app: &AppState,
    subscriber: &Subscriber,
    socket: &mut WebSocket,
    message: Option<Result<Message, axum::Error>>,
) -> Result<(), Closing> {
    let message = match message {
        None | Some(Ok(Message::Close(_))) => return Err(None),
        Some(Err(error)) => return Err(closing_of(&error)),
        Some(Ok(message)) => message,
    };
    if app.limits.request(subscriber.caller.member.username.as_str()).await.is_err() {
        return Err(frame(close::NOT_ALLOWED, "too many messages"));
    }
    match message {
        Message::Ping(_) | Message::Pong(_) | Message::Close(_) => Ok(()),
        Message::Text(received) => {
            reauthenticate(app, subscriber).await?;
            match received.as_str() {
                "ping" => send(socket, Message::text("pong")).await,
                _ => send(socket, text(&Event::NotUnderstood)).await,
            }
        }
        Message::Binary(_) => {
            reauthenticate(app, subscriber).await?;
            send(socket, text(&Event::NotUnderstood)).await
        }
    }
}

/// The close frame for an error of the client (RFC 6455 §7.4.1). The library of this axum
/// reports the kind only in the error's text.
fn closing_of(error: &axum::Error) -> Closing {
    let text = error.to_string();
    if text.contains("too long") {
        frame(close::TOO_LONG, "a message has at most 64 KiB")
    } else if text.contains("UTF-8") {
        frame(close::NO_TEXT, "a text must be UTF-8")
    } else if text.contains("without closing handshake") {
        None
    } else if text.contains("WebSocket protocol error") {
        frame(close::PROTOCOL_ERROR, "a frame violates RFC 6455")
    } else {
        None
    }
}

async fn reauthenticate(app: &AppState, subscriber: &Subscriber) -> Result<(), Closing> {
    match subscriber.credential.check(app).await {
        ReauthOutcome::Valid => Ok(()),
        ReauthOutcome::Revoked => Err(frame(close::NOT_ALLOWED, "log in again")),
        ReauthOutcome::Unknown => {
            Err(frame(close::TRY_AGAIN_LATER, "the credential cannot be checked now"))
        }
    }
}

async fn send(socket: &mut WebSocket, message: Message) -> Result<(), Closing> {
    match tokio::time::timeout(SEND_TIMEOUT, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(None),
    }
}

fn text(event: &Event) -> Message {
    Message::text(serde_json::to_string(event).unwrap_or_default())
}

fn frame(code: u16, reason: &'static str) -> Closing {
    Some(CloseFrame { code, reason: reason.into() })
}
