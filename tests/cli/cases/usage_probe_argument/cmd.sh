# SPDX-License-Identifier: Apache-2.0
sproof probe now
