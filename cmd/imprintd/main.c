#include "cmd/imprintd/imprintd.h"

int
main(int argc, char **argv)
{
	return imprintd_main(argc, argv, io_posix());
}
