#include "cmd/imprint/imprint.h"

int
main(int argc, char **argv)
{
	return imprint_main(argc, argv, io_posix());
}
