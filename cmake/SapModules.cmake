# SPDX-License-Identifier: Apache-2.0
# The one table of modules: each builds one library that links exactly the modules named here.
# scripts/check_layers.py reads the same lines, so an include that the table does not allow fails.

set(SAP_MODULES core image preprocess phantom data nn infer transfer eval train ssl cli)

set(SAP_MODULE_core_LINKS)
set(SAP_MODULE_image_LINKS core)
set(SAP_MODULE_preprocess_LINKS image core)
set(SAP_MODULE_phantom_LINKS image core)
set(SAP_MODULE_data_LINKS image core)
set(SAP_MODULE_nn_LINKS core)
set(SAP_MODULE_infer_LINKS nn image core)
set(SAP_MODULE_transfer_LINKS nn core)
set(SAP_MODULE_eval_LINKS image core)
set(SAP_MODULE_train_LINKS data nn infer eval image core)
set(SAP_MODULE_ssl_LINKS train data nn image core)
set(SAP_MODULE_cli_LINKS ssl train data nn infer transfer eval preprocess phantom image core)

# Libraries from outside, beside LibTorch::torch, fmt and nlohmann_json, which every module has.
set(SAP_MODULE_core_EXTERNAL SapExternal::core)
set(SAP_MODULE_image_EXTERNAL SapExternal::itk SapExternal::png)
set(SAP_MODULE_preprocess_EXTERNAL SapExternal::itk)
set(SAP_MODULE_phantom_EXTERNAL SapExternal::itk)
set(SAP_MODULE_cli_EXTERNAL SapExternal::cli)
set(SAP_MODULE_infer_EXTERNAL)

# Modules that define torch::nn classes share the heavier precompiled header.
set(SAP_TORCH_NN_MODULES nn infer transfer train ssl cli)
