# SPDX-License-Identifier: Apache-2.0
sproof analyze x.csv --quick
