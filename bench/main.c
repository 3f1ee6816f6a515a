#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"

static const struct bench *const benches[] = {
	&bench_issue_direct, &bench_issue_receipt, &bench_issue_chip,
	&bench_issue_device_key, &bench_storage_bytes,
	&bench_verify_document, &bench_verify_receipt, &bench_memory_order,
	&bench_log_verify,
	&bench_status_revoke, &bench_status_crl, &bench_status_memory,
	&bench_names_import, &bench_names_bytes, &bench_names_memory,
	&bench_station_handout, &bench_station_p99,
	&bench_station_restart,
	&bench_field_enrol, &bench_field_enrol_p99, &bench_field_renew,
	&bench_field_idle,
};
#define BENCH_COUNT (sizeof(benches) / sizeof(benches[0]))

static void
json_put(FILE *out, const struct bench *bench,
    const struct bench_result *result, bool first)
{
	(void)fprintf(out, "%s\n  {\"name\": \"%s\", \"value\": %.3f, "
	    "\"unit\": \"%s\", ", first ? "" : ",", bench->name,
	    result->value, bench->unit);
	if (result->floor > 0)
		(void)fprintf(out, "\"floor\": %.3f, \"ratio\": %.4f}",
		    result->floor, result->ratio);
	else
		(void)fprintf(out, "\"floor\": null, \"ratio\": null}");
}

static void
row_print(const struct bench *bench, const struct bench_result *result)
{
	char floor[32] = "-", ratio[32] = "-";

	if (result->floor > 0) {
		(void)snprintf(floor, sizeof(floor), "%.1f", result->floor);
		(void)snprintf(ratio, sizeof(ratio), "%.3f", result->ratio);
	}
	printf("%-28s %12.1f %-12s %12s %8s  %-22s %s\n", bench->name,
	    result->value, bench->unit, floor, ratio, bench->budget,
	    bench->kept(result) ? "kept" : "MISSED");
	(void)fflush(stdout);
}

static int
run_all(const char *prefix, FILE *json)
{
	struct bench_result result;
	struct diag diag;
	bool first = true;
	size_t i;
	enum err err;

	printf("%-28s %12s %-12s %12s %8s  %s\n", "name", "value", "unit",
	    "floor", "ratio", "budget");
	for (i = 0; i < BENCH_COUNT; i++) {
		if (strncmp(benches[i]->name, prefix, strlen(prefix)) != 0)
			continue;
		result = (struct bench_result){ 0 };
		diag = (struct diag)DIAG_INIT;
		err = benches[i]->run(&result, &diag);
		if (err) {
			(void)fprintf(stderr, "%s: %s: %s\n",
			    benches[i]->name, err_name(err), diag.what);
			return 1;
		}
		row_print(benches[i], &result);
		if (json != NULL)
			json_put(json, benches[i], &result, first);
		first = false;
	}
	if (first) {
		(void)fprintf(stderr, "no benchmark begins with \"%s\"\n",
		    prefix);
		return 2;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	const char *path = NULL, *prefix = "";
	FILE *json = NULL;
	int i, code;

	(void)snprintf(bench_dir, PATH_SIZE, "%s", "build/bench");
	if (argc == 4 && strncmp(argv[1], "--child", 7) == 0) {
		(void)snprintf(bench_dir, PATH_SIZE, "%s", argv[3]);
		if (strcmp(argv[1], "--child-names") == 0)
			return bench_child_names(argv[2]);
		return strcmp(argv[1], "--child") == 0 ?
		    bench_child_main(argv[2]) : bench_child_crl(argv[2]);
	}
	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0 && i + 1 < argc)
			path = argv[++i];
		else
			prefix = argv[i];
	}
	if (path != NULL && (json = fopen(path, "w")) == NULL) {
		perror(path);
		return 1;
	}
	if (json != NULL)
		(void)fputc('[', json);
	code = run_all(prefix, json);
	if (json != NULL) {
		(void)fputs("\n]\n", json);
		if (fclose(json) != 0)
			code = 1;
	}
	return code;
}
