/*
 * The questions that services ask over HTTP, answered by a gate:
 *
 *   POST /v1/verify	question_read_json(); 200 with the answer, whatever
 *			the verdict; 400 when there is no question in it
 *   GET /v1/auth	as the auth_request of nginx wants it: 200, 403 with
 *			the reason, 401 when no certificate was shown
 *   GET /healthz	gate_put_health(); 503 when nobody can be let in
 *
 * All is answered in plain text: for one machine.
 */
#ifndef IMPRINT_VERIFY_SERVICE_SERVICE_H
#define IMPRINT_VERIFY_SERVICE_SERVICE_H

#include "lib/http/server.h"
#include "verify/service/gate.h"

/*
 * "127.0.0.1:8446", "[::1]:8446". ERR_SYNTAX; ERR_PERMISSION: others than this
 * machine could reach it. ret_address holds at least HTTP_ADDRESS_SIZE.
 */
MUST_USE enum err service_address(const char *text, char *ret_address,
    uint16_t *ret_port, struct diag *);
/* Answers from gate, looks after its files and, on SIGHUP, its trust. address,
 * port: as of service_address(). Errors of http_server_new(). */
MUST_USE enum err service_new(struct gate *, const char *address,
    uint16_t port, struct http_server **ret_server, struct diag *);

#endif
