/* Lists of devices as CSV. */
#include "fuzz/device_list.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	list_fuzz("csv", bytes_of(data, size));
	return 0;
}
