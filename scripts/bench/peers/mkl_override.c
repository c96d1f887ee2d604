/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded before MKL, answers its question whether the CPU is Intel's: versions that ask take
 * their AVX-512 path on other makers' CPUs too. Not a configuration that Intel supports. */
int mkl_serv_intel_cpu_true(void);

int mkl_serv_intel_cpu_true(void)
{
    return 1;
}
