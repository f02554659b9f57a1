"""One message to many WebSocket clients: Botdeck's deck beside other servers, each on one core, the clients on another
one."""
