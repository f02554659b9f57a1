"""The HTTP and WebSocket routes, one file per subject."""

from fastapi import APIRouter

from botdeck.deck.routes import auth, bots, dashboard, health, ingest, runner, runners, tokens

ROUTERS: tuple[APIRouter, ...] = (
    health.router,
    auth.router,
    dashboard.router,
    bots.router,
    runners.router,
    runner.router,
    tokens.router,
    ingest.router,
)
