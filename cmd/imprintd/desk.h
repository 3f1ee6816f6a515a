/*
 * The authority of imprintd at work: what fronts send is taken in turns. All
 * that waits is gathered, carried out, made durable by one commit, and only
 * then answered. It believes a front nothing but which channel it is.
 */
#ifndef IMPRINT_CMD_IMPRINTD_DESK_H
#define IMPRINT_CMD_IMPRINTD_DESK_H

#include "cmd/imprintd/imprintd.h"
#include "lib/authority/demand.h"
#include "lib/authority/enrol.h"
#include "lib/authority/export.h"
#include "lib/authority/query.h"
#include "lib/authority/request.h"
#include "lib/proto/channel.h"
#include "lib/proto/local.h"

#define PEERS_MAX	(2 * FRONTS_MAX)
#define TURN_MAX	64	/* requests of one commit */
#define VERDICTS_MAX	24	/* that are told apart in the figures */
#define LOCALS_MAX	16	/* commands of this machine at once */
#define FLOORS_MAX	64	/* operators whose last request is known */
#define UPLOADS_MAX	8	/* operators who hand in a file */
#define ONCE_OPERATORS	64	/* whose queries of the last quarter of an
				 * hour are known: of each so many */
#define ACTIONS_MAX	64
#define STOPS_MAX	64
#define LOOKS_MAX	1024

/* A front's channel; used false: free. */
struct desk_peer {
	bool		used;
	bool		more;		/* whole messages may be left in it */
	bool		asked;		/* for itself, in this turn */
	unsigned	strangers;	/* in it, that no operator signed */
	unsigned	place;		/* the supervisor's number of it */
	bool		heard;		/* since the last look at it */
	bool		serves;		/* it asked for figures: it is ready */
	bool		told;		/* of that, the supervisor */
	int64_t		silent_ns;	/* of turns, since it was */
	struct channel	channel;
	uint8_t		challenge[CHALLENGE_SIZE];
	uint64_t	counts[COUNTS];
};

/* A command of this machine; fd -1: free. */
struct desk_local {
	int		fd;
	bool		due;		/* can be read from */
	uint64_t	call;		/* of the order's run that it waits
					 * for; else 0 */
};

/* An order that is to be run, or is; or receipts, by a new signer. */
struct desk_run {
	bool			 wanted;
	bool			 signer;
	struct desk_local	*local;	/* who waits; NULL: nobody */
	uint32_t		 order;
	unsigned		 workers;
	bool			 under_way;
	bool			 gone;	/* who asked does not wait any more */
	enum err		 err;	/* of a turn in between */
	struct diag		 diag;
};

/* The time of an operator's last request; name "": free. */
struct desk_floor {
	char		operator[64];
	int64_t		time;
};
/* What an operator hands in before the request that it comes with; operator
 * "": free. */
enum upload_kind {
	UPLOAD_FILE, UPLOAD_DEVICES,
	UPLOAD_FILES,
	UPLOAD_ABOUT = UPLOAD_FILES	/* what the files are: local.h */
};
struct desk_upload {
	char		operator[64];
	struct {
		struct file	file;
		uint64_t	size;
	}		files[UPLOAD_FILES];
	struct buf	about;
	int64_t		until_ns;
};
/* The same as a request wants it: views. */
struct desk_handed {
	struct file		files[UPLOAD_FILES];
	struct local_submit	submit;
	struct devices_file	devices;
	struct request_files	with;
};
/* Receipts that an earlier signer signed, as last counted. */
struct desk_left {
	uint32_t	signer;		/* that signed then; 0: not counted */
	uint64_t	count;
	int64_t		until_ns;
};
/* A query that was seen; until 0: free. */
struct desk_seen {
	uint8_t		id[REQUEST_ID_SIZE];
	int64_t		until;		/* it can be brought again */
};
/* An operator's; operator "": free. */
enum once_kind {
	ONCE_ACTION,	/* begins something */
	ONCE_STOP,	/* stopped a run */
	ONCE_LOOK	/* may take long */
};
struct desk_once {
	char			operator[64];
	struct desk_seen	actions[ACTIONS_MAX];
	struct desk_seen	stops[STOPS_MAX];
	struct desk_seen	looks[LOOKS_MAX];
};

/* Certificates that a place has had lately, and when that was counted: who
 * starts again does not start anew. */
struct desk_tokens {
	unsigned	spent;
	int64_t		at_ns;
};

/* One request of a device in the turn at hand. */
struct desk_job {
	struct desk_peer	*peer;
	uint64_t		 call;
	enum internal_type	 type;
	/* by type; in the peer's channel */
	struct bytes		 request;
	struct internal_est	 est;
	struct internal_est_wish wish;
	struct buf		 answer;	/* or, refused, none */
	struct buf		 key;		/* INTERNAL_EST_KEYGEN */
	struct enrol_result	 result;	/* counts once durable */
	struct internal_refusal	 refusal;
	bool			 done, failed;	/* failed: refusal is set */
};

/* How often something took how long: by INTERNAL_LATENCY_MS, and above. */
struct desk_times {
	uint64_t	by[INTERNAL_LATENCIES + 1];
	uint64_t	ns;		/* all of it */
};

struct desk {
	struct cmd		*cmd;
	struct authority	*authority;
	struct enrol		*enrol;
	const char		*name;		/* of the server */
	/* of fronts: the present key and the one before, and how often they
	 * changed */
	uint8_t			 tickets[TICKETS_SIZE];
	uint64_t		 tickets_count;
	int64_t			 tickets_ns;	/* when they will */
	int			 control, signals;
	struct desk_peer	 peers[PEERS_MAX];
	struct desk_tokens	 tokens[FRONTS_MAX];
	unsigned		 first;		/* whose turn to begin it is */
	bool			 more;		/* something is left to do */
	int			 listener;	/* of commands; -1: none */
	struct desk_local	 locals[LOCALS_MAX];
	struct export		*export;	/* that a command goes on
						 * with, or NULL */
	char			 export_format[LOCAL_TEXT_MAX + 1];
	bool			 export_line;
	struct desk_run		 run;
	struct {
		uint32_t	 order;		/* 0: none yet */
		char		 what[384];	/* how it ended */
	}			 last_run;
	int64_t			 began;
	/* operators over the network */
	int64_t			 floor;		/* of those without one, if
						 * later than it began */
	struct desk_floor	 floors[FLOORS_MAX];
	struct desk_left	 left;
	struct desk_once	 once[ONCE_OPERATORS];
	unsigned		 retry_s;	/* of what is answered now, if
						 * it is refused as busy */
	struct desk_upload	 uploads[UPLOADS_MAX];
	struct desk_job		 jobs[TURN_MAX];
	size_t			 job_count;
	bool			 ending;
	int64_t			 turn_at, alive_at;	/* pulse.c */
	bool			 disk_full;	/* devices are refused */
	int64_t			 disk_ns;	/* when to look again */
	int64_t			 upkeep_at, anchor_at, look_at;
	bool			 parts_left;	/* of cancelled orders */
	uint64_t		 lacking;	/* of publish/, then */
	/* figures */
	uint64_t		 ended[COUNTS];	/* of fronts that have ended */
	uint64_t		 verdicts[VERDICTS_MAX];
	uint64_t		 wishes;	/* anybody's: in nothing else */
	uint64_t		 turns_lost;
	uint64_t		 replaced;	/* before anybody used it */
	int64_t			 told_minute;	/* in which so many lines */
	unsigned		 told, untold;	/* were written, or not */
	struct desk_times	 turns, commits;
	struct buf		 endings;	/* as told, of the objects */
	uint64_t		 endings_place;	/* up to here */
	struct demand		 demand;	/* as of a while ago */
	int64_t			 demand_at;	/* when anew; 0: at once */
	uint64_t		 front_starts, cut_off, upkeep_failed;
};

/* requests.c: one message that is no device's request; answered at once.
 * false: the peer broke a rule and is to be cut off. */
bool	request_answer(struct desk *, struct desk_peer *,
	    const struct internal_message *);
/* A new key of tickets. */
MUST_USE enum err tickets_renew(struct desk *, struct diag *);
/* The same by the clock; what fails is told, and tried again. */
void	tickets_keep(struct desk *);
/* Queue an answer or a refusal. */
void	answer_put(struct desk_peer *, uint64_t call, enum internal_type,
	    const struct buf *body);
void	refusal_put(struct desk_peer *, uint64_t call,
	    const struct internal_refusal *);

/* authority.c: wait as long, then one turn of everybody who asks. An error:
 * the registry is in doubt, nothing more can be done. */
MUST_USE enum err desk_turn(struct desk *, int wait_ms, struct diag *);
/* A commit failed: whoever asks is not answered any more, as it would be no
 * answer to what is asked. */
bool	desk_broken(const struct desk *);

/* pulse.c: in each turn, once all channels were read: the supervisor hears that
 * this process goes on, and which front does not. */
void	pulse(struct desk *);
/* And once, that this one has begun to take connections. */
void	pulse_serves(struct desk *, struct desk_peer *);

/* disk.c: there is no room for what devices ask. */
void	disk_full(struct desk *);
/* Keeps room for a start on a full disk, unless it is kept. */
void	disk_begin(struct desk *);
/* By the clock: is there room again? */
void	disk_keep(struct desk *);
/* Gives up what is kept. true: the same may be tried again. */
bool	disk_reserve_give(const struct io *, const char *dir);
bool	disk_room_give(struct desk *);
/* The registry is whole; mended, where a full disk was what broke it. ERR_IO:
 * it is in doubt. */
MUST_USE enum err disk_check(struct desk *, struct diag *);

/* local.c: commands of this machine. */
void	local_new(struct desk *);
/* Those that are due: one question of each. */
void	locals_take(struct desk *);
void	local_answer(struct desk *, struct desk_local *,
	    const struct internal_message *, const int *file);
void	local_fail(struct desk *, struct desk_local *, uint64_t call,
	    enum err, const struct diag *);

/* run.c: what somebody asked to run, from its beginning to its end; turns go
 * on meanwhile. */
MUST_USE enum err run_job(struct desk *, struct diag *);
/* A command asks for that. false: it broke a rule. */
bool	run_take(struct desk *, struct desk_local *,
	    const struct internal_message *, struct diag *);
/* ERR_BUSY, with what is run. */
MUST_USE enum err run_busy(const struct desk *, struct diag *);

/* uploads.c: an operator's next part; query: where it stands, its hash, and
 * of what it is. JSON of how much there is. ERR_STATE: what is before it is
 * missing; ERR_AUTH, ERR_INVALID, ERR_LIMIT, ERR_BUSY, ERR_SYNTAX. */
MUST_USE enum err upload_take(struct desk *, const char *whose,
    const char *query, struct bytes part, struct buf *out, struct diag *);
/* NULL: none. */
struct desk_upload *upload_find(struct desk *, const char *whose);
/* What a request names of it, which may be NULL. ERR_NOTFOUND: not all of
 * that was handed in. */
MUST_USE enum err upload_give(const struct desk_upload *,
    const struct request_seen *, struct desk_handed *ret_handed,
    struct diag *);
void	upload_init(struct desk_upload *);
void	upload_release(struct desk_upload *);
/* Those that had no part for a while: the disk is full. */
void	uploads_idle_release(struct desk *);

/* May such a request be handed in now? ERR_PERMISSION, ERR_BUSY. */
MUST_USE enum err request_offer(const struct desk *, enum request_type,
    bool network, struct diag *);
/* Publishes what is due, or all of it for so many days; JSON of what was. */
MUST_USE enum err publish_now(struct desk *, unsigned days, struct buf *json,
    struct diag *);

/* operators.c: when it begins; what was carried out just before. */
MUST_USE enum err operators_begin(struct desk *, struct diag *);
/* The same again, where the clock has gone back to long before it began: it
 * was ahead then, say. */
MUST_USE enum err operators_keep(struct desk *, int64_t now, struct diag *);
/* Messages that a front carries for operators; as
 * request_answer(). */
bool	operator_request(struct desk *, struct desk_peer *,
	    const struct internal_message *);
bool	operator_query(struct desk *, struct desk_peer *,
	    const struct internal_message *);
/* The same for a station, which signed it. */
bool	station_head(struct desk *, struct desk_peer *,
	    const struct internal_message *);

/* once.c: what was seen lately is refused: ERR_CONFLICT; ERR_BUSY: this
 * operator, or too many, asked too much, until desk->retry_s. There is room
 * for a stop always, at the cost of the oldest. */
MUST_USE enum err once_take(struct desk *, enum once_kind,
    const struct query *, struct diag *);

/* dry_run.c: what a body of REQUEST_STATUS_CHOSEN, whose hash the query is of,
 * would come to; JSON, appended. */
MUST_USE enum err dry_run(struct desk *, const char *query,
    struct bytes body, struct buf *out, struct diag *);

/* resources.c: JSON, appended. ERR_NOTFOUND, ERR_INVALID. */
MUST_USE enum err resource_list(struct desk *, const char *path,
    const char *query, struct buf *out, struct diag *);
MUST_USE enum err resource_order(struct desk *, const char *word,
    struct buf *out, struct store_order *ret_order, struct diag *);
/* packs.c: NUMBER, NUMBER/packs, NUMBER/packs/NUMBER?at=N, word is cut up. */
MUST_USE enum err resource_order_part(struct desk *, char *word,
    const char *query, struct buf *out, struct diag *);
MUST_USE enum err resource_identity(struct desk *, const char *word,
    struct buf *out, struct diag *);
/* The product that out gets the members of. */
struct json;
void	product_put(struct json *, const struct store_object *);
/* Percent-encoding, RFC 3986 2.1. false: no octets of a text. */
#define SEGMENT_SIZE	128
bool	segment_decode(const char *text, char out[SEGMENT_SIZE]);

/* What follows a path: "", which leaves it alone, or a number from 1 on. */
MUST_USE enum err query_number(const char *query, const char *name,
    uint64_t max, uint64_t *ret_number, struct diag *);

/* stations.c: the same. What became of each pack of an order; what who has a
 * station's key can open. */
MUST_USE enum err resource_reconciliation(struct desk *, const char *word,
    struct buf *out, struct diag *);
MUST_USE enum err resource_exposed(struct desk *, const char *station,
    struct buf *out, struct diag *);

/* objects.c: the same. */
/* Whose a device is, without its claim code: a front would see it. */
MUST_USE enum err resource_device(struct desk *, const char *word,
    struct buf *out, struct diag *);
MUST_USE enum err resource_product(struct desk *, const char *word,
    struct buf *out, struct diag *);
MUST_USE enum err resource_signers(struct desk *, struct buf *out,
    struct diag *);
MUST_USE enum err resource_logs(struct desk *, struct buf *out,
    struct diag *);
/* An identity's document, or the same as a JWT. */
MUST_USE enum err resource_document(struct desk *, const char *word,
    const char *query, bool jwt, struct buf *out, struct diag *);

/* identities.c: all jobs of a turn, durable when it returns ERR_OK; else
 * nothing may be told of them. One that cannot be carried out is refused; the
 * others are done again, each in a turn of its own. */
MUST_USE enum err identities_run(struct desk *, struct diag *);
const char *identity_verdict_name(unsigned verdict);
/* Of a device that the front has seen a certificate of; what anybody at all
 * can ask is not to move figures that alerts look at. */
bool	identity_counts(const struct desk_job *);

/* figures.c: once more, since then. */
void	times_add(struct desk_times *, int64_t begun_ns);
/* Prometheus' text. */
void	figures_put(struct desk *, struct buf *);
void	figures_head(struct buf *, const char *name, const char *type,
	    const char *help);
/* An order was cancelled: files that it leaves are removed; what fails is
 * told, and tried again. */
void	parts_remove(struct desk *);
/* Publishes what is due; what fails is told, and tried again. */
void	upkeep(struct desk *, int64_t now);

/* expiry.c: Prometheus' text of what ends some day. */
void	expiry_put(struct desk *, struct buf *);

#endif
