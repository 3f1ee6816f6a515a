/* Between the files of the line's service. */
#ifndef IMPRINT_STATION_LINE_INTERNAL_H
#define IMPRINT_STATION_LINE_INTERNAL_H

#include "lib/base/json_write.h"
#include "station/anchor.h"
#include "station/line.h"
#include "station/line_request.h"
#include "station/tokens.h"

#define RATE_MINUTES	60

/* One fixture since the station serves. */
struct line_fixture {
	char		name[TOKEN_NAME_MAX + 1];
	uint64_t	reserved, injected, scrapped, refused;
	int64_t		last;			/* call; 0: none yet */
	int64_t		minute;			/* the newest of the row */
	uint32_t	done[RATE_MINUTES];	/* injected, by minute */
};

struct line {
	struct station		*station;
	struct floor		*floor;
	struct anchor_turn	 anchor;
	struct tokens		 tokens;
	int64_t			 tokens_read_ns;	/* 0: never */
	struct line_fixture	 fixtures[TOKENS_MAX];
	size_t			 fixture_count;
	uint64_t		 strangers;	/* calls without a good token */
	int64_t			 start;
	struct secret		 package;	/* empty between two calls */
};

/* What a code says to people, and what to do. */
struct line_words {
	const char	*text, *hint;
};
struct line_words line_words_of(enum floor_code);

/* Its row; NULL: all are taken by fixtures that have gone. */
struct line_fixture *line_fixture(struct line *, const char *name);
void	line_count(struct line *, const struct line_request *,
	    enum floor_code);
void	line_state_handle(void *ctx, struct http_request *);

extern const char line_page_html[], line_page_css[], line_page_js[];

#endif
