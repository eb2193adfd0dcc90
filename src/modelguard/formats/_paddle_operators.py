"""The operators of PaddlePaddle: which reach beyond numbers, and which belong to the framework itself.

An operator that stands in neither table comes from a plug-in, or from a version that is newer or much older than the
one that the names were asked of.
"""

from __future__ import annotations

from attrs import frozen

from modelguard.terms.facts import Permission


@frozen
class Reach:
    """What an operator reaches: the permission, the class of danger, and how."""

    permission: Permission
    hazard: str
    why: str


_PYTHON = Reach("custom-ops", "code-execution", "calls a Python function of the process by its number")
_ENGINE = Reach("native-code", "", "runs an engine that another compiler made")
_READS = Reach("ops", "file-read", "reads the file that it names")
_WRITES = Reach("ops", "file-write", "writes to the path that it names")
_NETWORK = Reach("ops", "network", "connects to other machines")

REACHING: dict[str, Reach] = {
    "py_func": _PYTHON,
    "py_layer": _PYTHON,
    "create_py_reader": _PYTHON,
    "run_program": Reach("custom-ops", "", "runs another program of the process"),
    "load": _READS,
    "load_combine": _READS,
    "read_file": _READS,
    "save": _WRITES,
    "save_combine": _WRITES,
    "create_custom_reader": _READS,
    "open_files": _READS,
    "tensorrt_engine": _ENGINE,
    "openvino_engine": _ENGINE,
    "lite_engine": _ENGINE,
    "dlnne_engine": _ENGINE,
    "anakin_engine": _ENGINE,
    "ngraph_engine": _ENGINE,
    "ascend_trigger": _ENGINE,
    "cinn_launch": _ENGINE,
    "cinn_instruction_run": _ENGINE,
    "listen_and_serv": _NETWORK,
    "heter_listen_and_serv": _NETWORK,
    "send": _NETWORK,
    "recv": _NETWORK,
    "prefetch": _NETWORK,
    "send_barrier": _NETWORK,
    "fetch_barrier": _NETWORK,
    "send_and_recv": _NETWORK,
    "checkpoint_notify": _NETWORK,
    "distributed_lookup_table": _NETWORK,
    "gen_nccl_id": _NETWORK,
    "c_gen_nccl_id": _NETWORK,
    "c_comm_init": _NETWORK,
    "c_comm_init_all": _NETWORK,
    "c_comm_init_multitrainer": _NETWORK,
    "comm_init_all": _NETWORK,
    "rpc_call": _NETWORK,
}

# As paddlepaddle 3.3.1 names them (paddle.base.core.get_all_op_names), less those above and those for gradients.
_NAMES = """
    abs accuracy accuracy_check acos acosh adadelta adagrad adam adamax adamw add_act_xpu add_group_norm_silu
    add_layernorm_xpu add_position_encoding addcmul_xpu addmm affine_channel affine_grid all_gather all_reduce
    all_to_all allclose anchor_generator angle ap_facade ap_trivial_fusion_begin ap_trivial_fusion_end ap_variadic
    apply_per_channel_scale arg_max arg_min argsort as_complex as_real as_strided asgd asin asinh assert assign
    assign_pos assign_value atan atan2 atanh attention_lstm auc average_accumulates baddbmm barrier batch_fc
    batch_norm batched_gemm bce_loss beam_search beam_search_decode bernoulli bicubic_interp_v2 bilinear_interp
    bilinear_interp_v2 bilinear_tensor_product bincount binomial bipartite_match bitwise_and bitwise_left_shift
    bitwise_not bitwise_or bitwise_right_shift bitwise_xor blha_get_max_len block_multihead_attention
    block_multihead_attention_xpu bmm bn_act_xpu box_clip box_coder brelu broadcast broadcast_tensors
    build_src_rank_and_local_expert_id c_concat c_embedding c_gen_xccl_id c_identity c_scatter
    c_softmax_with_cross_entropy c_softmax_with_multi_label_cross_entropy c_split c_sync_calc_stream
    c_sync_comm_stream c_wait_comm c_wait_compute cal_aux_loss calc_reduced_attn_scores cast ceil celu
    channel_shuffle check_finite_and_unscale check_numerics cholesky cholesky_solve chunk_eval class_center_sample
    clip clip_by_norm coalesce_tensor collect_fpn_proposals complex concat conditional_block conditional_block_infer
    conj conv1d_xpu conv2d conv2d_transpose conv2d_transpose_bias conv2d_transpose_xpu conv2d_xpu conv3d
    conv3d_transpose copysign correlation cos cosh crf_decoding crop crop_tensor cross cross_attention_xpu
    cross_entropy cross_entropy2 cross_entropy_grad2 cross_entropy_with_softmax_bwd_w_downcast ctc_align cudnn_lstm
    cummax cummin cumprod cumsum cvm data decayed_adagrad decode_jpeg deformable_conv deformable_conv_v1 depend
    depthwise_conv2d depthwise_conv2d_bias depthwise_conv2d_transpose depthwise_conv3d_bias dequantize
    dequantize_abs_max dequantize_linear dequantize_log dequantize_xpu determinant dgc dgc_clip_by_norm dgc_momentum
    diag_embed diag_v2 diagonal digamma dirichlet dist dist_concat distribute_fpn_proposals
    distributed_fused_lamb_init dot dpsgd dropout edit_distance eig eigh eigvals eigvalsh einsum elementwise_add
    elementwise_div elementwise_floordiv elementwise_fmax elementwise_fmin elementwise_heaviside elementwise_max
    elementwise_min elementwise_mod elementwise_mul elementwise_pow elementwise_sub elu embedding_grad_add_to
    embedding_with_eltwise_add_xpu embedding_with_scaled_gradient empty equal equal_all erf erfinv exp expand
    expand_as_v2 expand_modality_expert_id expand_v2 expm1 exponential eye fake_channel_wise_dequantize_max_abs
    fake_channel_wise_quantize_abs_max fake_channel_wise_quantize_dequantize_abs_max fake_dequantize_max_abs
    fake_quantize_abs_max fake_quantize_dequantize_abs_max fake_quantize_dequantize_moving_average_abs_max
    fake_quantize_moving_average_abs_max fake_quantize_range_abs_max fast_layernorm_xpu fast_ln fast_rms_norm
    fast_where_xpu faster_tokenizer fc fc_xpu feed fetch fetch_v2 fft_c2c fft_c2r fft_r2c fill
    fill_any fill_any_like fill_constant fill_constant_batch_size_like fill_diagonal fill_diagonal_tensor flash_attn
    flash_attn_qkvpacked flash_attn_unpadded flash_attn_v3 flash_attn_v3_varlen flash_attn_varlen_qkvpacked
    flashmask_attention flashmask_attention_v2 flatten2 flatten_contiguous_range flip floor fold
    fp8_fp8_half_gemm_fused fp8_gemm_blockwise fp8_quant_blockwise fractional_max_pool2d fractional_max_pool3d frame
    frobenius_norm ftrl full_int_array fused_act_dequant fused_adam fused_bias_act
    fused_bias_dropout_residual_layer_norm fused_bias_residual_layernorm fused_conv2d fused_conv2d_add_act
    fused_conv3d fused_dconv_drelu_dbn fused_dot_product_attention fused_dropout_add fused_elementwise_add
    fused_elementwise_div fused_elementwise_mul fused_elementwise_sub fused_elemwise_activation
    fused_elemwise_add_activation fused_embedding_eltwise_layernorm fused_embedding_fc_lstm
    fused_fc_elementwise_layernorm fused_linear_param_grad_add fused_matmul fused_multi_transformer
    fused_multi_transformer_int8_xpu fused_multi_transformer_xpu fused_partial_rope fused_rms_norm_ext
    fused_rms_norm_quant fused_rotary_position_embedding fused_scale_bias_add_relu fused_scale_bias_relu_conv_bn
    fused_seqpool_cvm fused_softmax_mask fused_softmax_mask_upper_triangle fused_softplus fused_stack_quant
    fused_stack_transpose_quant fused_swiglu_weighted_bwd fused_token_prune fused_transpose
    fused_transpose_split_quant fused_transpose_wlch_split_quant fused_weighted_swiglu_act_quant fusion_group
    fusion_gru fusion_lstm fusion_repeated_fc_relu fusion_seqconv_eltadd_relu fusion_seqpool_concat
    fusion_seqpool_cvm_concat fusion_squared_mat_sub fusion_transpose_flatten_concat gammaincc gammaln gather
    gather_nd gather_tree gaussian_inplace gaussian_random gelu gemm_epilogue generate_proposals
    generate_proposals_v2 generate_sequence_xpu get_tensor_from_selected_rows global_gather global_scatter grad_add
    graph_khop_sampler graph_reindex graph_sample_neighbors graph_send_recv graph_send_ue_recv graph_send_uv
    greater_equal greater_than grid_sampler group_norm group_norm_silu_xpu gru gru_unit gumbel_softmax hard_shrink
    hard_sigmoid hard_swish hash hierarchical_sigmoid hinge_loss histogram huber_loss i0 i0e i1 i1e identity_loss
    im2sequence imag increment index_add index_elementwise_get index_elementwise_put
    index_elementwise_put_with_tensor index_put index_sample index_select index_select_strided instance_norm
    int_bincount interp_antialias inverse is_empty isclose isfinite_v2 isinf_v2 isnan_v2 kldiv_loss kron kthvalue
    l1_norm label_smooth lamb lars_momentum layer_norm layer_norm_act_xpu layer_norm_relu_xpu leaky_relu lerp
    less_equal less_than lgamma limit_by_capacity linear_interp_v2 linear_v2 linspace llm_int8_linear
    lod_array_length lod_reset log log10 log1p log2 log_loss log_softmax logcumsumexp logical_and logical_not
    logical_or logical_xor logit logsigmoid logspace logsumexp lookup_table lookup_table_dequant lookup_table_v2
    lp_pool2d lrn lstm lstsq lu lu_solve lu_unpack margin_cross_entropy mask_adaptive_xpu masked_fill
    masked_multihead_attention masked_select match_matrix_tensor matmul matmul_v2 matrix_nms matrix_power
    matrix_rank matrix_rank_atol_rtol max_pool2d_v2 max_pool2d_with_index max_pool3d_with_index max_with_index
    maxout mean median memcpy memcpy_d2h memcpy_h2d memory_efficient_attention merge_selected_rows merged_adam
    merged_momentum meshgrid min_with_index mish mode moe_combine moe_combine_auto moe_combine_no_weight
    moe_gate_dispatch moe_gate_dispatch_and_quant moe_gate_dispatch_auto moe_gate_dispatch_partial_nosoftmaxtopk
    moe_gate_dispatch_permute moe_permute moe_unpermute momentum moving_average_abs_max_scale mp_allreduce_sum mul
    multi_dot multi_encoder_xpu multi_gru multiclass_nms multiclass_nms3 multihead_matmul multinomial multiplex mv
    nadam nanmedian nansum nce nearest_interp nearest_interp_v2 nextafter nll_loss nms nop norm not_equal
    npu_identity number_count one_hot_v2 overlap_add p_norm p_recv p_recv_array p_send p_send_array pad pad2d_xpu
    pad3d partial_allgather partial_concat partial_recv partial_send partial_sum pixel_shuffle pixel_unshuffle
    poisson polygamma pool2d pool3d pow prelu print prior_box prune_gate_by_capacity psroi_pool put_along_axis
    pylayer pyramid_hash qkv_attention_xpu qkv_unpack_mha qr quant_linear quantize quantize_linear quantize_xpu
    radam randint random random_routing randperm range range_v2 rank_attention read_from_array real reciprocal
    recv_v2 reduce reduce_all reduce_amax reduce_amin reduce_any reduce_as reduce_max reduce_mean reduce_min
    reduce_prod reduce_scatter reduce_sum relu relu6 renorm repeat_interleave requantize reshape reshape2
    resnet_basic_block resnet_unit restrict_nonzero reverse rint rms_norm rmsprop rnn
    roformer_relative_embedding_xpu roi_align roi_pool roll round row_conv rprop rrelu rsqrt scale scatter
    scatter_nd_add searchsorted seed segment_pool select_input select_output self_dp_attention selu send_v2
    sequence_conv sequence_expand sequence_mask sequence_pool sequence_softmax sequence_unpad_xpu set set_value sgd
    shadow_output shape shape64 shard_index share_buffer share_data shuffle_batch shuffle_channel sigmoid
    sigmoid_cross_entropy_with_logits sign silu sin sine_pos_xpu sinh size skip_layernorm slice slogdet_v2
    slogdeterminant softmax softmax_with_cross_entropy softplus softshrink softsign solve sparse_abs sparse_acos
    sparse_acosh sparse_add sparse_addmm sparse_asin sparse_asinh sparse_atan sparse_atanh sparse_attention
    sparse_batch_norm sparse_cast sparse_coalesce sparse_conv3d sparse_conv3d_implicit_gemm sparse_divide
    sparse_divide_scalar sparse_expm1 sparse_full_like sparse_fused_attention sparse_indices sparse_isnan
    sparse_leaky_relu sparse_log1p sparse_mask_as sparse_masked_matmul sparse_matmul sparse_maxpool sparse_momentum
    sparse_multiply sparse_mv sparse_pow sparse_relu sparse_relu6 sparse_reshape sparse_scale sparse_sin sparse_sinh
    sparse_slice sparse_softmax sparse_sparse_coo_tensor sparse_sqrt sparse_square sparse_subtract sparse_sum
    sparse_sync_batch_norm sparse_tan sparse_tanh sparse_to_dense sparse_to_sparse_coo sparse_to_sparse_csr
    sparse_transpose sparse_values spatial_transformer_resblock_xpu spectral_norm split sqrt square squared_l2_norm
    squeeze2 squeeze_excitation_block stack standard_gamma stanh std stft strided_slice sum svd svdvals swiglu swish
    take_along_axis tan tanh tanh_shrink tdm_child tdm_sampler temporal_shift tensor_array_to_tensor
    thresholded_relu tile top_k top_k_v2 top_p_sampling trace transfer_layout transpose transpose2 triangular_solve
    tril_indices tril_triu trilinear_interp_v2 triu_indices trunc trunc_divide truncated_gaussian_random unbind
    unfold uniform_random uniform_random_batch_size_like uniform_random_inplace unique unique_consecutive unpool
    unpool3d unsqueeze2 unstack update_loss_scaling var variable_length_memory_efficient_attention variance
    view_dtype view_shape view_slice viterbi_decode warpctc warprnnt weight_dequantize weight_only_linear
    weight_quantize weighted_sample_neighbors where where_index while write_to_array yolo_box yolo_box_head
    yolo_box_post yolo_box_xpu yolov3_loss
"""
# Operators of earlier versions whose models are still about; the framework has since replaced them.
_FORMER = "cudnn_lstm conv2d_fusion fusion_seqpool_concat multihead_matmul skip_layernorm fc_elementwise_layernorm"
_GRADIENTS = ("_grad", "_grad2", "_double_grad", "_triple_grad")

OWN: frozenset[str] = frozenset((_NAMES + _FORMER).split())


def is_own(operator: str) -> bool:
    """Tell whether an operator, or the one whose gradient it is, belongs to the framework."""
    while operator.endswith(_GRADIENTS):
        operator = operator.rpartition("_grad")[0].removesuffix("_double").removesuffix("_triple")
    return operator in OWN
