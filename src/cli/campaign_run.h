// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/campaign_config.h"

namespace sap::cli {

// Trains what is missing, predicts the held-out cases of every run, in order. A run that fails is
// reported at the end; the others go on. Returns the exit code (75 after a stop signal).
int RunCampaign(const CampaignConfig& config);

// One line per run: state, step, loss, score.
std::string CampaignStatus(const CampaignConfig& config, bool as_json);

// Threshold on the tuning fold, figures on the others, one row per method; writes cv/ and returns
// the Markdown table. Throws kInput naming the runs that are not done.
std::string CollectCampaign(const CampaignConfig& config);

}  // namespace sap::cli
