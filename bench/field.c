/*
 * field.enrol, field.enrol_p99, field.renew_resumed, field.idle: devices at
 * the real imprintd, against bare handshakes with the same server.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "bench/bench.h"
#include "bench/client.h"
#include "bench/device.h"
#include "bench/server.h"
#include "lib/policy/product_yaml.h"

#define BIRTH_FILE	"examples/products/doorbell-idevid.yaml"
#define PRODUCT_FILE	"examples/products/doorbell.yaml"
#define BIRTH		"doorbell-idevid"
#define SERVER_NAME	"est.example.net"
#define EACH		256	/* devices of a round */
#define ROUNDS		7	/* and one to warm up */
#define UNDER_WAY	16
#define IDLE		10000
#define BARE		"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"

struct scene {
	size_t			 count;		/* of devices */
	struct device		*devices;
	struct client_job	*jobs;
	struct server		 server;
	struct client		*client;
	double			*ms;		/* of what was asked for */
	size_t			 ms_count;
};

static enum err
product_take(struct authority *authority, const char *file,
    enum product_maker maker, struct diag *diag)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct product product;
	enum err err;

	err = io_read_file(io_posix(), file, &text, diag);
	if (!err)
		err = product_yaml_parse(file, buf_bytes(&text), &product,
		    diag);
	if (err)
		return err;
	product.credentials[0].maker = maker;
	return bench_product(authority, &product, diag);
}

/* Devices with the identity that they left the factory with. */
static enum err
devices_birth(struct scene *scene, struct authority *authority,
    struct diag *diag)
{
	uint8_t(*privates)[KEY_PRIVATE_SIZE] = calloc(scene->count,
	    sizeof(*privates));
	enum err err;
	size_t i;

	if (privates == NULL)
		return diag_nomem(diag);
	err = product_take(authority, BIRTH_FILE, MAKER_DEVICE, diag);
	if (!err)
		err = product_take(authority, PRODUCT_FILE, MAKER_DEVICE,
		    diag);
	if (!err)
		err = bench_device_keys(authority, BIRTH, scene->count,
		    privates, diag);
	for (i = 0; i < scene->count && !err; i++)
		err = device_birth(&scene->devices[i], privates[i], diag);
	free(privates);
	return err ? err : devices_leaves(authority, scene->devices,
	    scene->count, diag);
}

/* An ecosystem where imprintd looks for one, and imprintd. */
static enum err
server_begin(struct scene *scene, struct diag *diag)
{
	_cleanup_authority_ struct authority *authority = NULL;
	char home[PATH_SIZE], dir[PATH_SIZE], trust[PATH_SIZE];
	enum err err;

	err = path_join(home, bench_dir, "home");
	if (!err)
		err = path_join(dir, home, "ecosystems");
	if (!err)
		err = io_mkdir(io_posix(), bench_dir, 0700, diag);
	if (!err)
		err = io_mkdir(io_posix(), home, 0700, diag);
	if (!err)
		err = io_mkdir(io_posix(), dir, 0700, diag);
	if (!err)
		err = bench_ecosystem("home/ecosystems/field", &authority,
		    diag);
	if (!err)
		err = devices_birth(scene, authority, diag);
	if (!err)
		(void)snprintf(dir, sizeof(dir), "%s",
		    strrchr(authority_dir(authority), '/') + 1);
	if (!err)
		err = path_join(trust, authority_dir(authority),
		    "publish/trust.pem");
	authority_close(&authority);
	if (!err)
		err = server_start(&scene->server, home, dir, SERVER_NAME,
		    diag);
	return err ? err : client_new(trust, SERVER_NAME, scene->server.port,
	    &scene->client, diag);
}

static void
jobs_release(struct scene *scene)
{
	size_t i;

	for (i = 0; i < scene->count; i++)
		buf_release(&scene->jobs[i].reply);
}

static void
scene_end(struct scene *scene)
{
	size_t i;

	client_free(&scene->client);
	server_stop(&scene->server);
	for (i = 0; i < scene->count && scene->devices != NULL; i++)
		device_release(&scene->devices[i]);
	if (scene->jobs != NULL)
		jobs_release(scene);
	free(scene->devices);
	free(scene->jobs);
	free(scene->ms);
}

static enum err
scene_begin(struct scene *scene, size_t count, struct diag *diag)
{
	scene->count = count;
	scene->devices = calloc(count, sizeof(*scene->devices));
	scene->jobs = calloc(count, sizeof(*scene->jobs));
	scene->ms = calloc(3 * count, sizeof(*scene->ms));
	if (scene->devices == NULL || scene->jobs == NULL ||
	    scene->ms == NULL)
		return diag_nomem(diag);
	return server_begin(scene, diag);
}

/* Handshakes and the least of answers, by the same devices. */
static enum err
bare_run(struct scene *scene, size_t first, double *ret_s, struct diag *diag)
{
	struct client_job *jobs = calloc(EACH, sizeof(*jobs));
	enum err err;
	size_t i;

	if (jobs == NULL)
		return diag_nomem(diag);
	for (i = 0; i < EACH; i++) {
		device_job(&scene->devices[first + i], &jobs[i]);
		jobs[i].request = bytes_text(BARE);
	}
	err = client_run(scene->client, jobs, EACH, UNDER_WAY, ret_s, diag);
	for (i = 0; i < EACH; i++) {
		SSL_SESSION_free(jobs[i].session);
		buf_release(&jobs[i].reply);
	}
	free(jobs);
	return err;
}

/* A round of what devices ask for: their requests are made beforehand. */
static enum err
asked_run(struct scene *scene, size_t first, enum device_request_type type,
    bool resume, double *ret_s, struct diag *diag)
{
	struct client_job *jobs = scene->jobs + first;
	struct device *device;
	enum err err = ERR_OK;
	size_t i;

	for (i = 0; i < EACH && !err; i++) {
		device = &scene->devices[first + i];
		err = device_ask(device, type, diag);
		buf_release(&jobs[i].reply);
		device_job(device, &jobs[i]);
		if (resume)
			jobs[i].session = steal_session(device);
	}
	if (!err)
		err = client_run(scene->client, jobs, EACH, UNDER_WAY, ret_s,
		    diag);
	for (i = 0; i < EACH && !err; i++) {
		scene->ms[scene->ms_count++] = jobs[i].ms;
		if (resume != jobs[i].resumed)
			err = diag_fail(diag, ERR_INTERNAL, NULL,
			    "TLS: a session was %sresumed", resume ? "not " :
			    "");
	}
	for (i = 0; i < EACH; i++)
		if (!err)
			err = device_answered(&scene->devices[first + i],
			    &jobs[i], diag);
	return err;
}

/* The first round warms up. */
static enum err
enrol_rounds(struct scene *scene, struct bench_result *result,
    struct diag *diag)
{
	double rates[ROUNDS], bare[ROUNDS];
	double work_s = 1, before_s = 1, after_s = 1;
	enum err err;
	size_t i;

	err = bare_run(scene, 0, &before_s, diag);
	if (!err)
		err = asked_run(scene, 0, DEVICE_ENROL, false, &work_s, diag);
	scene->ms_count = 0;
	if (!err)
		err = bare_run(scene, EACH, &before_s, diag);
	for (i = 0; i < ROUNDS && !err; i++) {
		err = asked_run(scene, (i + 1) * EACH, DEVICE_ENROL, false,
		    &work_s, diag);
		if (!err)
			err = bare_run(scene, (i + 1) * EACH, &after_s, diag);
		rates[i] = EACH / work_s;
		bare[i] = 2 * EACH / (before_s + after_s);
		before_s = after_s;
	}
	if (err)
		return err;
	bench_rounds(result, rates, bare, ROUNDS);
	return ERR_OK;
}

static enum err
enrol_run(struct bench_result *result, struct diag *diag)
{
	struct scene scene = { .count = 0 };
	enum err err;

	err = scene_begin(&scene, (ROUNDS + 1) * EACH, diag);
	if (!err)
		err = enrol_rounds(&scene, result, diag);
	scene_end(&scene);
	return err;
}

static enum err
p99_run(struct bench_result *result, struct diag *diag)
{
	struct scene scene = { .count = 0 };
	struct bench_result rate;
	enum err err;

	err = scene_begin(&scene, (ROUNDS + 1) * EACH, diag);
	if (!err)
		err = enrol_rounds(&scene, &rate, diag);
	if (!err) {
		(void)bench_median(scene.ms, scene.ms_count);	/* sorts */
		result->value = scene.ms[scene.ms_count * 99 / 100];
	}
	scene_end(&scene);
	return err;
}

/* Enrolled and confirmed, over a full handshake with the new identity, whose
 * ticket the renewal resumes. */
static enum err
renew_rounds(struct scene *scene, struct bench_result *result,
    struct diag *diag)
{
	double rates[ROUNDS], bare[ROUNDS];
	double work_s = 1, bare_s = 1, other_s;
	enum err err = ERR_OK;
	size_t i;

	for (i = 0; i <= ROUNDS && !err; i++) {
		scene->ms_count = 0;
		err = asked_run(scene, i * EACH, DEVICE_ENROL, false,
		    &other_s, diag);
		if (!err)
			err = asked_run(scene, i * EACH, DEVICE_CONFIRM,
			    false, &other_s, diag);
		if (!err)
			err = bare_run(scene, i * EACH, &bare_s, diag);
		if (!err)
			err = asked_run(scene, i * EACH, DEVICE_RENEW, true,
			    &work_s, diag);
		if (i == 0)
			continue;	/* it warmed up */
		rates[i - 1] = EACH / work_s;
		bare[i - 1] = EACH / bare_s;
	}
	if (err)
		return err;
	bench_rounds(result, rates, bare, ROUNDS);
	return ERR_OK;
}

static enum err
renew_run(struct bench_result *result, struct diag *diag)
{
	struct scene scene = { .count = 0 };
	enum err err;

	err = scene_begin(&scene, (ROUNDS + 1) * EACH, diag);
	if (!err)
		err = renew_rounds(&scene, result, diag);
	scene_end(&scene);
	return err;
}

/* Both ends of a connection, and what else is open, are descriptors. */
static enum err
descriptors_raise(struct diag *diag)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 ||
	    limit.rlim_max < IDLE + 512)
		return diag_fail(diag, ERR_LIMIT, NULL, "field.idle: this "
		    "system allows fewer than %d open files (ulimit -Hn)",
		    IDLE + 512);
	limit.rlim_cur = limit.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? ERR_OK : ERR_IO;
}

/* Octets that the fronts take for each connection more. */
static enum err
idle_measure(struct scene *scene, struct client_job *jobs,
    struct bench_result *result, struct diag *diag)
{
	double before = 0, after = 0, time_s;
	enum err err;
	size_t i;

	for (i = 0; i < IDLE; i++) {
		device_job(&scene->devices[i % scene->count], &jobs[i]);
		jobs[i].request = bytes_text(BARE);
		jobs[i].keep = i >= EACH;
	}
	/* the first ones: all that is made once */
	err = client_run(scene->client, jobs, EACH, UNDER_WAY, &time_s,
	    diag);
	if (!err)
		err = server_memory(&scene->server, &before, diag);
	for (i = 0; i < EACH; i++)
		jobs[i].keep = true;
	if (!err)
		err = client_run(scene->client, jobs, IDLE, UNDER_WAY,
		    &time_s, diag);
	if (!err)
		err = server_memory(&scene->server, &after, diag);
	result->value = (after - before) / IDLE;
	return err;
}

static enum err
idle_run(struct bench_result *result, struct diag *diag)
{
	struct client_job *jobs = calloc(IDLE, sizeof(*jobs));
	struct scene scene = { .count = 0 };
	enum err err;
	size_t i;

	if (jobs == NULL)
		return diag_nomem(diag);
	for (i = 0; i < IDLE; i++)
		jobs[i].fd = -1;
	err = descriptors_raise(diag);
	if (!err)
		err = scene_begin(&scene, EACH, diag);
	if (!err)
		err = idle_measure(&scene, jobs, result, diag);
	for (i = 0; i < IDLE; i++)
		client_job_release(&jobs[i]);
	free(jobs);
	scene_end(&scene);
	return err;
}

static bool
enrol_kept(const struct bench_result *result)
{
	return result->ratio >= 0.6;
}

static bool
p99_kept(const struct bench_result *result)
{
	return result->value < 100;
}

static bool
renew_kept(const struct bench_result *result)
{
	return result->value > 0;
}

static bool
idle_kept(const struct bench_result *result)
{
	return result->value <= 65536;
}

const struct bench bench_field_enrol = { .name = "field.enrol",
	.unit = "1/s", .budget = "ratio >= 0.6", .kept = enrol_kept,
	.run = enrol_run };

const struct bench bench_field_enrol_p99 = { .name = "field.enrol_p99",
	.unit = "ms", .budget = "< 100", .kept = p99_kept, .run = p99_run };

const struct bench bench_field_renew = { .name = "field.renew_resumed",
	.unit = "1/s", .budget = "none", .kept = renew_kept,
	.run = renew_run };

const struct bench bench_field_idle = { .name = "field.idle",
	.unit = "bytes each", .budget = "<= 65536", .kept = idle_kept,
	.run = idle_run };
