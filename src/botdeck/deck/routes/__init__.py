"""The HTTP and WebSocket routes, one file per subject."""

from fastapi import APIRouter

from botdeck.deck.routes import auth, bots, dashboard, health, runner, runners

ROUTERS: tuple[APIRouter, ...] = (
    health.router,
    auth.router,
    dashboard.router,
    bots.router,
    runners.router,
    runner.router,
)
