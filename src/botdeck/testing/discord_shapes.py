"""What Discord's API tells about things, as far as libraries insist on it."""

import itertools
import time
from typing import Any

Json = dict[str, Any]

SERVER_ID, CHANNEL_ID, BOT_ID, OWNER_ID = (f"110000000000000000{n}" for n in (1, 2, 9, 7))
FIRST_PERSON_ID = 1_200_000_000_000_000_000
EVERYTHING_IS_ALLOWED = str((1 << 50) - 1)
_EPOCH_MS = 1_420_070_400_000
_numbers = itertools.count(1)


def snowflake() -> str:
    """An id as Discord makes them: the time of its making is in it."""
    return str((int(time.time() * 1000) - _EPOCH_MS) << 22 | next(_numbers) & 0x3FFFFF)


def now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000000+00:00", time.gmtime())


def user(user_id: str, name: str, *, bot: bool = False) -> Json:
    names = {"username": name, "global_name": name.title(), "discriminator": "0", "avatar": None}
    return {"id": user_id, "bot": bot, "flags": 0, "public_flags": 0, **names}


def bot_user(name: str) -> Json:
    # hikari insists on mfa_enabled.
    return {**user(BOT_ID, name, bot=True), "mfa_enabled": True, "verified": True, "locale": "en-US", "email": None}


def member(of: Json) -> Json:
    flags = {"deaf": False, "mute": False, "pending": False, "flags": 0, "permissions": EVERYTHING_IS_ALLOWED}
    return {"user": of, "roles": [], "joined_at": now(), "nick": None, "avatar": None, "premium_since": None, **flags}


def member_without_user(of: Json) -> Json:
    """As it comes with messages, which name their author beside it."""
    return {key: value for key, value in member(of).items() if key != "user"}


def application(name: str) -> Json:
    counts = {"approximate_guild_count": 1, "approximate_user_install_count": 0}  # hikari asks
    about = {"description": "", "summary": "", "icon": None, "team": None, "verify_key": "00", "flags": 565_248}
    rights = {"bot_public": True, "bot_require_code_grant": False, "owner": user(OWNER_ID, "owner")}
    return {"id": BOT_ID, "name": name, **about, **rights, **counts}


def channel() -> Json:
    limits = {"nsfw": False, "rate_limit_per_user": 0, "flags": 0, "position": 0, "permission_overwrites": []}
    named = {"name": "general", "topic": None, "parent_id": None, "last_message_id": None}
    return {"id": CHANNEL_ID, "guild_id": SERVER_ID, "type": 0, **named, **limits}


def everyone() -> Json:
    colors = {"primary_color": 0, "secondary_color": None, "tertiary_color": None}
    looks = {"color": 0, "colors": colors, "hoist": False, "icon": None, "position": 0, "flags": 0}
    rights = {"permissions": EVERYTHING_IS_ALLOWED, "managed": False, "mentionable": False}
    return {"id": SERVER_ID, "name": "@everyone", **looks, **rights}


def server(members: list[Json], member_count: int) -> Json:
    """A guild, in Discord's word, as GUILD_CREATE tells it."""
    about = {"id": SERVER_ID, "name": "Fake server", "owner_id": OWNER_ID, "region": "x", "preferred_locale": "en-US"}
    limits = {"max_members": 500_000, "max_video_channel_users": 25, "max_stage_video_channel_users": 50}
    inside = {"roles": [everyone()], "channels": [channel()], "members": members, "member_count": member_count}
    nothing = {**dict.fromkeys(_ABSENT), **dict.fromkeys(_ZERO, 0), **dict.fromkeys(_NO, False)}
    empty: Json = {name: [] for name in _EMPTY}
    return {**nothing, **empty, **about, **limits, "joined_at": now(), "afk_timeout": 300, **inside}


def _words(text: str) -> list[str]:
    return text.split()


_ABSENT = _words("""
    icon splash discovery_splash afk_channel_id system_channel_id application_id rules_channel_id
    public_updates_channel_id vanity_url_code description banner safety_alerts_channel_id max_presences home_header
    latest_onboarding_question_id inventory_settings incidents_data hub_type
""")
_ZERO = _words("""
    verification_level default_message_notifications mfa_level explicit_content_filter system_channel_flags premium_tier
    premium_subscription_count nsfw_level
""")
_NO = _words("nsfw premium_progress_bar_enabled large unavailable widget_enabled")
_EMPTY = _words("""
    features emojis stickers presences voice_states threads stage_instances guild_scheduled_events soundboard_sounds
""")


def message(author: Json, text: str, **more: Any) -> Json:
    no = {"tts": False, "mention_everyone": False, "pinned": False, "edited_timestamp": None}
    lists: Json = {name: [] for name in ("mentions", "mention_roles", "attachments", "embeds", "components")}
    place = {"channel_id": CHANNEL_ID, "guild_id": SERVER_ID, "channel_type": 0, "member": member_without_user(author)}
    said = {"id": snowflake(), "author": author, "content": text, "timestamp": now(), "type": 0, "flags": 0}
    return {**said, **place, **no, **lists, **more}


def interaction(caller: Json, data: Json) -> Json:
    """Somebody uses a command of the bot."""
    place = {"guild_id": SERVER_ID, "channel_id": CHANNEL_ID, "channel": channel(), "context": 0}
    guild = {"id": SERVER_ID, "locale": "en-US", "features": []}
    rights = {"app_permissions": EVERYTHING_IS_ALLOWED, "authorizing_integration_owners": {"0": SERVER_ID}}
    about = {"application_id": BOT_ID, "type": 2, "version": 1, "token": f"token-{snowflake()}", "entitlements": []}
    told = {"locale": "en-US", "guild_locale": "en-US", "attachment_size_limit": 10_485_760}
    return {
        "id": snowflake(),
        "member": member(caller),
        "guild": guild,
        "data": data,
        **place,
        **rights,
        **about,
        **told,
    }
