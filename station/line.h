/*
 * The line's service: what fixtures and the line leader's browser ask over
 * HTTP (docs/protocol/line.md), answered by the floor.
 *
 * Every answer is a JSON object with the numeric code of enum floor_code, a
 * text and, where there is something to do, a hint. Give line_routes,
 * line_batch and line_refusal to the server with a line as their ctx: verbs
 * are carried out as they come in and answered once line_batch has made them
 * durable.
 */
#ifndef IMPRINT_STATION_LINE_H
#define IMPRINT_STATION_LINE_H

#include "lib/http/server.h"
#include "station/floor.h"

#define LINE_BODY_MAX	16384	/* octets of a request's JSON */

struct line;

/* station and floor must outlive it; the station's name is shown.
 * anchor_s: how often the ledger's anchor moves on. */
MUST_USE enum err line_new(struct station *, struct floor *,
    unsigned anchor_s, struct line **ret_line, struct diag *);
void	line_free(struct line **);

extern const struct http_route line_routes[];
enum err line_batch(void *line, struct buf *body, struct diag *);
/* Between turns: packs that were left for the station (station_take()), and
 * the anchor. When that shows that the ledger was put back, or another copy of
 * the station is at work, the next batch fails. */
void	line_tick(void *line);
#define LINE_TICK_S	1
void	line_refusal(void *line, enum http_status, const char *what,
	    struct buf *body);

/* The status that goes with a code. */
enum http_status line_status(enum floor_code);
/*
 * What stands in the code of a label: urn:dev:ueid:HEX (RFC 9711 10.3; not
 * base64url, whose "_" begins a component, RFC 9039 3.2) and after "?=" the
 * names as a q-component, KIND=TEXT joined by "&", percent-encoded (RFC 8141
 * 2.3.2).
 */
void	line_label_put(struct buf *, const struct floor_package *);

#endif
