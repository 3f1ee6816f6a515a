/*
 * Who is heard from. Each front asks for figures every five seconds, if for
 * nothing else. One that hangs would let its share of all connections wait for
 * ever; the authority alone can tell, and the supervisor starts it anew.
 */
#include <stdio.h>

#include "cmd/imprintd/desk.h"
#include "lib/base/clock.h"

#define ALIVE_NS	INT64_C(5000000000)
#define DEAF_NS		INT64_C(30000000000)
/* What one turn counts at most: while this process, or the machine, stood
 * still, nobody could be heard. */
#define TURN_NS		INT64_C(1500000000)

static void
peer_look(struct desk *desk, struct desk_peer *peer, int64_t took_ns)
{
	/* some of what it said is still to be taken, and would be */
	bool more = peer->more &&
	    channel_queued(&peer->channel) <= CHANNEL_QUEUE_MAX / 2;
	char text[80];

	peer->silent_ns = peer->heard || more ? 0 : peer->silent_ns +
	    took_ns;
	peer->heard = false;
	if (peer->silent_ns < DEAF_NS)
		return;
	peer->silent_ns = 0;
	(void)snprintf(text, sizeof(text), "front %u has said nothing for %d"
	    " seconds", peer->place, (int)(DEAF_NS / 1000000000));
	log_line("authority", text);
	if (control_send(desk->control, (char)(CONTROL_DEAF + peer->place),
	    -1) != ERR_OK)
		log_line("authority", "the supervisor cannot be told");
}

void
pulse_serves(struct desk *desk, struct desk_peer *peer)
{
	if (peer->serves && !peer->told)
		peer->told = control_send(desk->control,
		    (char)(CONTROL_SERVES + peer->place), -1) == ERR_OK;
}

void
pulse(struct desk *desk)
{
	int64_t now = time_monotonic_ns(), took = now - desk->turn_at;
	size_t i;

	desk->turn_at = now;
	if (took > TURN_NS)
		took = TURN_NS;
	for (i = 0; i < PEERS_MAX; i++)
		if (desk->peers[i].used)
			peer_look(desk, &desk->peers[i], took);
	/* one that does not read has other cares */
	if (now >= desk->alive_at &&
	    control_send(desk->control, CONTROL_ALIVE, -1) == ERR_OK)
		desk->alive_at = now + ALIVE_NS;
}
