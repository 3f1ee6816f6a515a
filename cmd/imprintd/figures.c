/* What the authority tells of itself, and what it does by the clock. */
#include <stdio.h>
#include <sys/statvfs.h>

#include "cmd/imprintd/desk.h"
#include "lib/authority/log_publish.h"
#include "lib/authority/operation.h"
#include "lib/authority/order_parts.h"
#include "lib/authority/publish.h"
#include "lib/base/clock.h"

#define UPKEEP_S	3600
#define UPKEEP_AGAIN_S	300
#define ANCHOR_AGAIN_S	10
#define LOOK_S		10

static uint64_t
count_sum(const struct desk *desk, size_t which)
{
	uint64_t sum = desk->ended[which];
	size_t i;

	for (i = 0; i < PEERS_MAX; i++)
		if (desk->peers[i].used)
			sum += desk->peers[i].counts[which];
	return sum;
}

void
times_add(struct desk_times *times, int64_t begun_ns)
{
	static const int64_t bounds[] = INTERNAL_LATENCY_MS;
	int64_t took = time_monotonic_ns() - begun_ns;
	size_t i = 0;

	while (i < INTERNAL_LATENCIES && took > bounds[i] * 1000000)
		i++;
	times->by[i]++;
	times->ns += (uint64_t)took;
}

void
figures_head(struct buf *out, const char *name, const char *type,
    const char *help)
{
	buf_printf(out, "# HELP imprint_%s %s\n# TYPE imprint_%s %s\n", name,
	    help, name, type);
}

/* by: how many in each of the bounds, and above. */
static void
histogram_put(struct buf *out, const char *name, const char *help,
    const uint64_t by[INTERNAL_LATENCIES + 1], double sum)
{
	static const unsigned bounds[] = INTERNAL_LATENCY_MS;
	uint64_t count = 0;
	size_t i;

	figures_head(out, name, "histogram", help);
	for (i = 0; i < INTERNAL_LATENCIES; i++) {
		count += by[i];
		buf_printf(out, "imprint_%s_bucket{le=\"%g\"} %llu\n", name,
		    bounds[i] / 1000.0, (unsigned long long)count);
	}
	count += by[i];
	buf_printf(out, "imprint_%s_bucket{le=\"+Inf\"} %llu\n"
	    "imprint_%s_sum %.6f\nimprint_%s_count %llu\n", name,
	    (unsigned long long)count, name, sum, name,
	    (unsigned long long)count);
}

static void
fronts_put(struct desk *desk, struct buf *out)
{
	static const struct {
		enum internal_count	 which;
		const char		*class;
	} replies[] = {
		{ COUNT_DONE, "2xx" }, { COUNT_REFUSED, "4xx" },
		{ COUNT_FAILED, "5xx" },
	};
	uint64_t by[INTERNAL_LATENCIES + 1];
	size_t i;

	figures_head(out, "connections", "gauge", "open to all fronts");
	buf_printf(out, "imprint_connections %llu\n",
	    (unsigned long long)count_sum(desk, COUNT_CONNECTIONS));
	figures_head(out, "replies_total", "counter", "by class of status");
	for (i = 0; i < 3; i++)
		buf_printf(out, "imprint_replies_total{class=\"%s\"} %llu\n",
		    replies[i].class, (unsigned long long)count_sum(desk,
		    replies[i].which));
	figures_head(out, "files_total", "counter", "published files served");
	buf_printf(out, "imprint_files_total %llu\n",
	    (unsigned long long)count_sum(desk, COUNT_FILES));
	for (i = 0; i <= INTERNAL_LATENCIES; i++)
		by[i] = count_sum(desk, COUNT_LATENCY + i);
	histogram_put(out, "identity_seconds",
	    "from a request to its answer, at the front", by,
	    (double)count_sum(desk, COUNT_CALLS_US) / 1e6);
	figures_head(out, "front_starts_total", "counter", "of fronts");
	buf_printf(out, "imprint_front_starts_total %llu\n",
	    (unsigned long long)desk->front_starts);
	figures_head(out, "front_cut_off_total", "counter",
	    "fronts that broke a rule of the channel");
	buf_printf(out, "imprint_front_cut_off_total %llu\n",
	    (unsigned long long)desk->cut_off);
	figures_head(out, "front_certificate_expiry_seconds", "gauge",
	    "when the TLS certificate of a front ends");
	for (i = 0; i < PEERS_MAX; i++)
		if (desk->peers[i].used &&
		    desk->peers[i].counts[COUNT_CERTIFICATE_END] > 0)
			buf_printf(out,
			    "imprint_front_certificate_expiry_"
			    "seconds{front=\"%zu\"} %llu\n",
			    i,
			    (unsigned long long)desk->peers[i]
				.counts[COUNT_CERTIFICATE_END]);
}

static void
lack_count(void *ctx, const char *path, enum publish_lack lack)
{
	uint64_t *count = ctx;

	(void)path;
	(void)lack;
	*count += 1;
}

/* From the files: a record is of no use to who asks for them. */
static void
published_put(struct desk *desk, struct buf *out)
{
	static const char *const logs[] = { LOG_BULK, LOG_ONLINE };
	struct published what[2];
	int64_t now = time_now();
	uint64_t lacking = 0;
	bool there[2];
	size_t i;

	figures_head(out, "crl_age_seconds", "gauge", "since thisUpdate");
	for (i = 0; i < 2; i++) {
		there[i] = authority_published_crl(desk->authority, logs[i],
		    &what[i], NULL) == ERR_OK;
		if (there[i] && what[i].number > 0)
			buf_printf(out, "imprint_crl_age_seconds{log=\"%s\"}"
			    " %lld\n", logs[i],
			    (long long)(now - what[i].this_update));
	}
	figures_head(out, "crl_expiry_seconds", "gauge",
	    "until nextUpdate; 0: there is no CRL");
	for (i = 0; i < 2; i++)
		if (there[i])
			buf_printf(out, "imprint_crl_expiry_seconds{log="
			    "\"%s\"} %lld\n", logs[i], what[i].number == 0 ?
			    0LL : (long long)(what[i].next_update - now));
	if (authority_published_look(desk->authority, lack_count, &lacking,
	    NULL) == ERR_OK) {
		figures_head(out, "published_lacking", "gauge",
		    "files that are not served as they were published");
		buf_printf(out, "imprint_published_lacking %llu\n",
		    (unsigned long long)lacking);
	}
	figures_head(out, "upkeep_failed_total", "counter",
	    "publications that failed");
	buf_printf(out, "imprint_upkeep_failed_total %llu\n",
	    (unsigned long long)desk->upkeep_failed);
}

static void
disk_put(struct desk *desk, struct buf *out)
{
	struct statvfs disk;

	figures_head(out, "disk_full", "gauge", "devices are refused for want"
	    " of room");
	buf_printf(out, "imprint_disk_full %d\n", desk->disk_full ? 1 : 0);
	if (statvfs(authority_dir(desk->authority), &disk) != 0)
		return;
	figures_head(out, "disk_free_bytes", "gauge", "where the registry is");
	buf_printf(out, "imprint_disk_free_bytes %llu\n",
	    (unsigned long long)disk.f_bavail * disk.f_frsize);
}

void
figures_put(struct desk *desk, struct buf *out)
{
	const char *name;
	unsigned i;

	figures_head(out, "up", "gauge", "the authority answers");
	buf_printf(out, "imprint_up 1\n");
	figures_head(out, "authority_start_timestamp_seconds", "gauge",
	    "when the authority was started");
	buf_printf(out, "imprint_authority_start_timestamp_seconds %lld\n",
	    (long long)desk->began);
	figures_head(out, "requests_total", "counter",
	    "of devices, by what was decided");
	for (i = 0; i < VERDICTS_MAX; i++) {
		name = identity_verdict_name(i);
		if (name != NULL)
			buf_printf(out, "imprint_requests_total{verdict="
			    "\"%s\"} %llu\n", name,
			    (unsigned long long)desk->verdicts[i]);
	}
	figures_head(out, "est_attributes_total", "counter",
	    "csrattrs, and cacerts with a certificate: in no other figure");
	buf_printf(out, "imprint_est_attributes_total %llu\n",
	    (unsigned long long)desk->wishes);
	histogram_put(out, "turn_seconds",
	    "requests of devices carried out together", desk->turns.by,
	    (double)desk->turns.ns / 1e9);
	histogram_put(out, "commit_seconds",
	    "until what a turn has changed was durable", desk->commits.by,
	    (double)desk->commits.ns / 1e9);
	figures_head(out, "identities_replaced_total", "counter",
	    "that nobody had used, by another request for the same device");
	buf_printf(out, "imprint_identities_replaced_total %llu\n",
	    (unsigned long long)desk->replaced);
	figures_head(out, "turns_lost_total", "counter",
	    "whose requests were told to come again");
	buf_printf(out, "imprint_turns_lost_total %llu\n",
	    (unsigned long long)desk->turns_lost);
	fronts_put(desk, out);
	published_put(desk, out);
	disk_put(desk, out);
	expiry_put(desk, out);
}

/* Also when the clock was set back to long before. */
static bool
is_due(int64_t now, int64_t at)
{
	return now >= at || at - now > UPKEEP_S;
}

/* What is gone is published again at once; what cannot be mended so, once. */
static void
published_look(struct desk *desk, int64_t now)
{
	uint64_t lacking = 0;

	if (!is_due(now, desk->look_at))
		return;
	desk->look_at = now + LOOK_S;
	if (authority_published_look(desk->authority, lack_count, &lacking,
	    NULL) != ERR_OK)
		return;
	if (lacking > desk->lacking)
		desk->upkeep_at = now;
	desk->lacking = lacking;
}

void
parts_remove(struct desk *desk)
{
	struct diag diag = DIAG_INIT;

	desk->parts_left = order_parts_remove(desk->authority, &diag) !=
	    ERR_OK;
	if (!desk->parts_left)
		return;
	desk->upkeep_failed++;
	log_diag("authority", "unfinished packs of cancelled orders are not "
	    "removed", &diag);
}

void
upkeep(struct desk *desk, int64_t now)
{
	static const uint32_t logs[] = { LOG_BULK_NUMBER, LOG_ONLINE_NUMBER,
		LOG_OPERATIONS_NUMBER };
	struct publish publish = { .now = now, .if_needed = true };
	struct diag diag = DIAG_INIT;
	size_t i;
	enum err err;

	if (is_due(now, desk->anchor_at) &&
	    enrol_idle(desk->enrol, now, &diag) != ERR_OK) {
		desk->anchor_at = now + ANCHOR_AGAIN_S;
		desk->upkeep_failed++;
		log_diag("authority", "the anchor cannot be moved", &diag);
		diag = (struct diag)DIAG_INIT;
	}
	published_look(desk, now);
	if (!is_due(now, desk->upkeep_at))
		return;
	if (desk->parts_left)
		parts_remove(desk);
	err = authority_publish_status(desk->authority, &publish, &diag);
	for (i = 0; i < 3 && !err; i++)
		err = authority_log_publish(desk->authority, logs[i], &diag);
	desk->upkeep_at = now + (err || desk->parts_left ? UPKEEP_AGAIN_S :
	    UPKEEP_S);
	if (!err)
		return;
	desk->upkeep_failed++;
	log_diag("authority", "publication failed", &diag);
}
