/*
 * station.handout, station.handout_p99: eight fixtures that reserve as fast
 * as they can, each over its own connection, at a station in a process of its
 * own; against as many syncs as it took, of as many octets, on the same disk
 * right after each round.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/bench.h"
#include "lib/base/clock.h"
#include "station/anchor.h"
#include "station/line.h"
#include "station/tokens.h"

#define STATION		"line-2"
#define FIXTURES	8
#define EACH		64		/* hand-outs of one in a round */
#define ROUNDS		9
#define HANDOUTS	(FIXTURES * EACH)
#define REPLY_MAX	16384
#define POLL_MS		60000
#define BODY_LEN	34	/* {"device":{"serial":"000-000000"}} */

/* Shared with the station's process. */
struct shared {
	struct line	*line;		/* its own */
	struct station	*station;	/* its own */
	uint64_t	 syncs, octets;	/* of the ledger */
	uint16_t	 port;
};

struct fixture {
	int		 fd;
	unsigned	 number, done;
	char		 text[512];	/* head, then a body as long as ever */
	size_t		 head_len;
	char		 reply[REPLY_MAX + 1];
	size_t		 len;
	size_t		 answered;	/* in this round */
	int64_t		 start;
};

struct scene {
	char		 home[PATH_SIZE], token[TOKEN_SIZE];
	struct shared	*shared;
	pid_t		 pid;
	struct fixture	 fixtures[FIXTURES];
	double		 ms[HANDOUTS * (ROUNDS + 1)];
	size_t		 count;
};

static enum err
statement_submit(struct authority *authority, struct scene *scene,
    struct diag *diag)
{
	_cleanup_buf_ struct buf trust = BUF_INIT, statement = BUF_INIT;
	_cleanup_buf_ struct buf result = BUF_INIT;
	struct station_statement made;
	char path[PATH_SIZE];
	enum err err;

	err = path_join(path, authority_dir(authority), "publish/trust.pem");
	if (!err)
		err = io_read_file(io_posix(), path, &trust, diag);
	if (!err)
		err = path_join(scene->home, authority_dir(authority),
		    "floor");
	if (!err)
		err = station_init(io_posix(), scene->home, STATION,
		    buf_bytes(&trust), time_now(), &made, diag);
	if (!err)
		err = path_join(path, scene->home, STATION ".station");
	if (!err)
		err = io_read_file(io_posix(), path, &statement, diag);
	if (!err)
		err = bench_submit(authority, REQUEST_STATION_ADD,
		    buf_bytes(&statement), &result, diag);
	return err;
}

static enum err
order_make(struct authority *authority, struct diag *diag)
{
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	_cleanup_buf_ struct buf encoded = BUF_INIT;
	const char *station = STATION;
	struct store_object object;
	struct cbor cbor;
	enum err err;

	err = authority_object_get(authority, STORE_PRODUCT, BENCH_DIRECT,
	    NULL, &encoded, &object, diag);
	if (!err)
		err = request_put_order(&body, object.hash, HANDOUTS *
		    (ROUNDS + 1), &station, 1);
	if (!err)
		err = bench_submit(authority, REQUEST_ORDER_CREATE,
		    buf_bytes(&body), &result, diag);
	if (err)
		return err;
	cbor_open(&cbor, buf_bytes(&result));
	return bench_order_run(authority, (uint32_t)cbor_get_uint(&cbor),
	    diag);
}

static enum err
pack_import(struct authority *authority, struct scene *scene,
    struct diag *diag)
{
	_cleanup_station_ struct station station = STATION_INIT;
	const struct station_pack *pack;
	enum station_import import;
	char path[PATH_SIZE];
	enum err err;

	err = path_join(path, authority_dir(authority),
	    "packs/order-1-1.pack");
	if (!err)
		err = station_open(io_posix(), scene->home, STATION_WORK,
		    &station, diag);
	if (!err)
		err = station_import(&station, path, time_now(), NULL, NULL,
		    &import, &pack, diag);
	if (!err)
		err = tokens_add(io_posix(), scene->home, "bench", time_now(),
		    scene->token, diag);
	return err;
}

static int
sync_counted(void *state, int fd)
{
	struct shared *shared = state;

	shared->syncs++;
	return io_posix()->fdatasync(io_posix()->state, fd);
}

static enum err
batch_passed_on(void *ctx, struct buf *body, struct diag *diag)
{
	struct shared *shared = ctx;

	shared->octets = ledger_size(shared->station->ledger);
	return line_batch(shared->line, body, diag);
}

static void
reserve_passed_on(void *ctx, struct http_request *http)
{
	const struct http_route *route = line_routes;

	while (strcmp(route->path, "/v1/reserve") != 0)
		route++;
	route->handle(((struct shared *)ctx)->line, http);
}

/* The station's process. */
static enum err
station_serve(struct scene *scene, int ready, struct diag *diag)
{
	static const struct http_route routes[] = {
		{ "POST", "/v1/reserve", reserve_passed_on },
		{ NULL, NULL, NULL }
	};
	struct http_config config = {
		.address = "127.0.0.1", .body_max = LINE_BODY_MAX,
		.connections_max = 64, .idle_s = 600, .request_s = 60,
		.stop_s = 1, .routes = routes, .ctx = scene->shared,
		.batch = batch_passed_on
	};
	_cleanup_http_server_ struct http_server *server = NULL;
	_cleanup_station_ struct station station = STATION_INIT;
	_cleanup_floor_ struct floor *floor = NULL;
	struct io io = *io_posix();
	enum err err;

	io.state = scene->shared;
	io.fdatasync = sync_counted;
	err = station_open(&io, scene->home, STATION_WORK, &station, diag);
	if (!err)
		err = floor_open(&station, &floor, diag);
	scene->shared->station = &station;
	if (!err)
		err = line_new(&station, floor, ANCHOR_INTERVAL_S,
			    &scene->shared->line, diag);
	if (!err)
		err = http_server_new(&config, &server, diag);
	if (err)
		return err;
	scene->shared->port = (uint16_t)strtoul(strrchr(
	    http_server_address(server), ':') + 1, NULL, 10);
	if (write(ready, "", 1) != 1)
		err = ERR_IO;
	if (!err)
		err = http_server_run(server, diag);
	line_free(&scene->shared->line);
	return err;
}

static enum err
station_start(struct scene *scene, struct diag *diag)
{
	struct diag own = DIAG_INIT;
	int ends[2];
	char octet;
	enum err err;

	scene->shared = mmap(NULL, sizeof(*scene->shared), PROT_READ |
	    PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (scene->shared == MAP_FAILED || pipe(ends) != 0 ||
	    (scene->pid = fork()) < 0)
		return diag_fail(diag, ERR_IO, NULL, "child: cannot start");
	if (scene->pid == 0) {
		err = station_serve(scene, ends[1], &own);
		if (err)
			(void)fprintf(stderr, "%s\n", own.what);
		_exit(err != ERR_OK);
	}
	(void)close(ends[1]);
	err = read(ends[0], &octet, 1) == 1 ? ERR_OK :
	    diag_fail(diag, ERR_IO, NULL, "child: does not serve");
	(void)close(ends[0]);
	return err;
}

static enum err
fixture_dial(const struct scene *scene, struct fixture *f)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(scene->shared->port) };
	int one = 1;

	f->head_len = (size_t)snprintf(f->text, sizeof(f->text),
	    "POST /v1/reserve HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer"
	    " %s\r\nContent-Length: %d\r\n\r\n", scene->token, BODY_LEN);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	f->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (f->fd < 0 || setsockopt(f->fd, IPPROTO_TCP, TCP_NODELAY, &one,
	    sizeof(one)) != 0 || connect(f->fd, (struct sockaddr *)&to,
	    sizeof(to)) != 0)
		return ERR_IO;
	return ERR_OK;
}

/*
 * The fixtures are one thread and do as little as can be: they stand for
 * computers of their own, and what they take is taken from the station here.
 */
static enum err
handout_ask(struct fixture *f)
{
	int len;

	len = snprintf(f->text + f->head_len, sizeof(f->text) - f->head_len,
	    "{\"device\":{\"serial\":\"%03u-%06u\"}}", f->number, f->done++);
	len += (int)f->head_len;
	f->len = 0;
	f->start = time_monotonic_ns();
	return send(f->fd, f->text, (size_t)len, MSG_NOSIGNAL) == len ?
	    ERR_OK : ERR_IO;
}

/* Head and body: its length stands in the head. */
static bool
reply_whole(const struct fixture *f)
{
	const char *length = strstr(f->reply, "Content-Length: ");
	const char *body = length == NULL ? NULL :
	    strstr(length, "\r\n\r\n");

	return body != NULL && f->len - (size_t)(body + 4 - f->reply) >=
	    strtoul(length + 16, NULL, 10);
}

/* What has come; the next question when that is an answer. */
static enum err
handout_take(struct fixture *f, double ms[EACH])
{
	ssize_t n;

	n = recv(f->fd, f->reply + f->len, REPLY_MAX - f->len, MSG_DONTWAIT);
	if (n <= 0)
		return ERR_IO;
	f->len += (size_t)n;
	f->reply[f->len] = '\0';
	if (!reply_whole(f))
		return ERR_OK;
	if (strstr(f->reply, "{\"code\":0,") == NULL)
		return ERR_INTERNAL;
	ms[f->answered++] = (double)(time_monotonic_ns() - f->start) / 1e6;
	return f->answered < EACH ? handout_ask(f) : ERR_OK;
}

static enum err
round_run(struct scene *scene)
{
	double *ms = scene->ms + scene->count;
	struct pollfd waits[FIXTURES];
	struct fixture *f;
	size_t i, left = FIXTURES;
	enum err err = ERR_OK;

	for (i = 0; i < FIXTURES && !err; i++) {
		f = &scene->fixtures[i];
		f->answered = 0;
		waits[i] = (struct pollfd){ .fd = f->fd, .events = POLLIN };
		err = handout_ask(f);
	}
	while (left > 0 && !err) {
		if (poll(waits, FIXTURES, POLL_MS) <= 0)
			return ERR_IO;
		for (i = 0; i < FIXTURES && !err; i++) {
			f = &scene->fixtures[i];
			if (waits[i].fd < 0 || waits[i].revents == 0)
				continue;
			err = handout_take(f, ms + i * EACH);
			if (f->answered == EACH) {
				waits[i].fd = -1;
				left--;
			}
		}
	}
	scene->count += HANDOUTS;
	return err;
}

/* As many syncs of as many octets, over room that is there, as the ledger's
 * is. */
static enum err
bare_run(const struct scene *scene, uint64_t syncs, uint64_t octets,
    double *ret_s, struct diag *diag)
{
	_cleanup_file_ struct file file = FILE_INIT;
	_cleanup_buf_ struct buf zeros = BUF_INIT;
	size_t each = (size_t)(octets / syncs);
	char path[PATH_SIZE];
	enum err err;
	int64_t start;
	uint64_t i;

	if (buf_extend(&zeros, each) == NULL)
		return diag_nomem(diag);
	memset(zeros.ptr, 0, each);
	err = path_join(path, scene->home, "bare");
	if (!err)
		err = file_open(io_posix(), path, O_RDWR | O_CREAT | O_TRUNC,
		    0600, &file, diag);
	for (i = 0; i < syncs && !err; i++)
		err = file_write_at(&file, i * each, buf_bytes(&zeros), diag);
	if (!err)
		err = file_sync(&file, diag);
	start = time_monotonic_ns();
	for (i = 0; i < syncs && !err; i++) {
		err = file_write_at(&file, i * each, buf_bytes(&zeros), diag);
		if (!err)
			err = file_sync(&file, diag);
	}
	*ret_s = (double)(time_monotonic_ns() - start) / 1e9;
	return err;
}

/* They are to stand behind the station and its disk, whose time is taken. */
static void
fixtures_yield(bool yield)
{
	static const struct sched_param param = { .sched_priority = 0 };

	(void)sched_setscheduler(0, yield ? SCHED_IDLE : SCHED_OTHER, &param);
}

/* Seconds of the hand-outs, and of the bare syncs. */
static enum err
round_measure(struct scene *scene, double *ret_work, double *ret_bare,
    struct diag *diag)
{
	uint64_t syncs = scene->shared->syncs;
	uint64_t octets = scene->shared->octets;
	int64_t start = time_monotonic_ns();
	enum err err;

	fixtures_yield(true);
	err = round_run(scene);
	fixtures_yield(false);
	*ret_work = (double)(time_monotonic_ns() - start) / 1e9;
	return err ? err : bare_run(scene, scene->shared->syncs - syncs,
	    scene->shared->octets - octets, ret_bare, diag);
}

static enum err
scene_start(struct scene *scene, struct diag *diag)
{
	_cleanup_authority_ struct authority *authority = NULL;
	enum err err;
	unsigned i;

	err = bench_ecosystem("line", &authority, diag);
	if (!err)
		err = statement_submit(authority, scene, diag);
	if (!err)
		err = order_make(authority, diag);
	if (!err)
		err = pack_import(authority, scene, diag);
	authority_close(&authority);
	if (!err)
		err = station_start(scene, diag);
	for (i = 0; i < FIXTURES && !err; i++) {
		scene->fixtures[i].number = i;
		err = fixture_dial(scene, &scene->fixtures[i]);
	}
	return err;
}

static void
scene_end(struct scene *scene)
{
	size_t i;

	for (i = 0; i < FIXTURES; i++)
		if (scene->fixtures[i].fd > 0)
			(void)close(scene->fixtures[i].fd);
	if (scene->pid > 0) {
		(void)kill(scene->pid, SIGTERM);
		(void)waitpid(scene->pid, NULL, 0);
	}
	free(scene);
}

static enum err
rounds_run(struct scene *scene, struct bench_result *result,
    struct diag *diag)
{
	double rates[ROUNDS], bare[ROUNDS];
	double work_s = 0, bare_s = 0;
	enum err err;
	size_t i;

	/* the first one warms up */
	err = round_measure(scene, &work_s, &bare_s, diag);
	scene->count = 0;
	for (i = 0; i < ROUNDS && !err; i++) {
		err = round_measure(scene, &work_s, &bare_s, diag);
		rates[i] = HANDOUTS / work_s;
		bare[i] = HANDOUTS / bare_s;
	}
	if (err)
		return err;
	bench_rounds(result, rates, bare, ROUNDS);
	return ERR_OK;
}

static enum err
line_run(struct bench_result *result, double *ret_p99, struct diag *diag)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	enum err err;

	if (scene == NULL)
		return diag_nomem(diag);
	err = scene_start(scene, diag);
	if (!err)
		err = rounds_run(scene, result, diag);
	if (!err) {
		(void)bench_median(scene->ms, scene->count);	/* sorts */
		*ret_p99 = scene->ms[scene->count * 99 / 100];
	}
	scene_end(scene);
	return err;
}

static enum err
handout_run(struct bench_result *result, struct diag *diag)
{
	double p99;

	return line_run(result, &p99, diag);
}

static enum err
p99_run(struct bench_result *result, struct diag *diag)
{
	struct bench_result rate;
	double p99 = 0;
	enum err err;

	err = line_run(&rate, &p99, diag);
	result->value = p99;
	return err;
}

static bool
handout_kept(const struct bench_result *result)
{
	return result->ratio >= 0.5;
}

static bool
p99_kept(const struct bench_result *result)
{
	return result->value <= 50;
}

const struct bench bench_station_handout = {
	.name = "station.handout", .unit = "1/s", .budget = "ratio >= 0.5",
	.kept = handout_kept, .run = handout_run
};

const struct bench bench_station_p99 = {
	.name = "station.handout_p99", .unit = "ms", .budget = "<= 50",
	.kept = p99_kept, .run = p99_run
};
