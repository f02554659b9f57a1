#!/bin/sh
# A bot without any library: it reads "NICK TEXT" lines, answers !ping, and tells Botdeck by appending lines of JSON to
# the file that BOTDECK_EVENTS names. One printf with >> is one write, so lines of several processes do not mix.

say() { # event, further fields
    [ -n "${BOTDECK_EVENTS:-}" ] || return 0
    now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
    printf '{"v":1,"event":"%s","time":"%s","run":"%s"%s}\n' "$1" "$now" "$BOTDECK_RUN" "$2" >>"$BOTDECK_EVENTS"
}

say bot.started ",\"framework\":\"sh\",\"process.pid\":$$"
number=0
while read -r nick text; do
    nick=$(printf %s "$nick" | tr -cd '[:alnum:]_-') # what goes into JSON unquoted by us must need no quoting
    number=$((number + 1))
    say message.received ",\"user.id\":\"console:$nick\",\"chat.message.id\":\"$number\",\"chat.platform\":\"console\""
    [ "$text" = "!ping" ] || continue
    say command.started ",\"id\":\"$number\",\"command.name\":\"ping\",\"kind\":\"prefix\",\"user.id\":\"console:$nick\""
    echo "pong, $nick"
    say message.sent ""
    say command.finished ",\"id\":\"$number\",\"command.name\":\"ping\",\"outcome\":\"ok\""
done
