using System.Runtime.CompilerServices;
using Ioasis.Abi;
using static Ioasis.Abi.VhostH;

namespace Ioasis.Replay.Calls;

/// <content>
/// The ioctls of /dev/vhost-vdpa-N. What depends on the device's model is no field: it is not compared.
/// </content>
public static partial class CallTable
{
    private static CallKind[] VdpaCalls() =>
    [
        Vdpa("set_owner", VHOST_SET_OWNER),
        Vdpa("reset_owner", VHOST_RESET_OWNER),
        Word("device_id", VHOST_VDPA_GET_DEVICE_ID, 4),
        Word("get_status", VHOST_VDPA_GET_STATUS, 1),
        Word("set_status", VHOST_VDPA_SET_STATUS, 1),
        Vdpa<VhostVdpaConfig>("get_config", VHOST_VDPA_GET_CONFIG),
        Vdpa<VhostVdpaConfig>("set_config", VHOST_VDPA_SET_CONFIG),
        Vdpa("get_features", VHOST_GET_FEATURES, 8),
        Word("set_features", VHOST_SET_FEATURES, 8),
        Vdpa("get_backend", VHOST_GET_BACKEND_FEATURES, 8),
        Word("set_backend", VHOST_SET_BACKEND_FEATURES, 8),
        Word("vring_num", VHOST_VDPA_GET_VRING_NUM, 2),
        Vdpa("config_size", VHOST_VDPA_GET_CONFIG_SIZE, 4),
        Word("vqs_count", VHOST_VDPA_GET_VQS_COUNT, 4),
        Word("group_num", VHOST_VDPA_GET_GROUP_NUM, 4),
        Word("as_num", VHOST_VDPA_GET_AS_NUM, 4),
        Vdpa("iova_range", VHOST_VDPA_GET_IOVA_RANGE, 16),
        Vdpa<VhostVringState>("set_vring_num", VHOST_SET_VRING_NUM),
        Vdpa<VhostVringAddr>("set_vring_addr", VHOST_SET_VRING_ADDR),
        Vdpa<VhostVringState>("set_vring_base", VHOST_SET_VRING_BASE),
        Vdpa<VhostVringState>("get_vring_base", VHOST_GET_VRING_BASE),
        Vdpa<VhostVringFile>("set_vring_kick", VHOST_SET_VRING_KICK),
        Vdpa<VhostVringFile>("set_vring_call", VHOST_SET_VRING_CALL),
        Vdpa<VhostVringFile>("set_vring_err", VHOST_SET_VRING_ERR),
        Word("set_config_call", VHOST_VDPA_SET_CONFIG_CALL, 4),
        Vdpa<VhostVringState>("set_vring_enable", VHOST_VDPA_SET_VRING_ENABLE),
        Vdpa<VhostVringState>("vring_group", VHOST_VDPA_GET_VRING_GROUP),
        Vdpa<VhostVringState>("desc_group", VHOST_VDPA_GET_VRING_DESC_GROUP),
        Vdpa<VhostVringState>("set_group_asid", VHOST_VDPA_SET_GROUP_ASID),
        Vdpa("suspend", VHOST_VDPA_SUSPEND),
        Vdpa("resume", VHOST_VDPA_RESUME),
        Word("set_log_base", VHOST_SET_LOG_BASE, 8),
        Word("set_log_fd", VHOST_SET_LOG_FD, 4),
        Vdpa<VhostVringState>("set_busyloop", VHOST_SET_VRING_BUSYLOOP_TIMEOUT),
        Vdpa<VhostVringState>("get_busyloop", VHOST_GET_VRING_BUSYLOOP_TIMEOUT),
        Word("vdpa_raw", VHOST_VDPA_GET_STATUS, 4), // the sequence says which number
    ];

    private static CallKind Vdpa<T>(string name, uint request) where T : unmanaged =>
        new(name, CallTarget.Vdpa, request, Unsafe.SizeOf<T>(), FieldsOf<T>());

    /// <summary>One without fields that are compared.</summary>
    private static CallKind Vdpa(string name, uint request, int size = 0) =>
        new(name, CallTarget.Vdpa, request, size, []);

    /// <summary>One whose argument is a number of so many bytes.</summary>
    private static CallKind Word(string name, uint request, int width) =>
        new(name, CallTarget.Vdpa, request, width, [new CallField("value", 0, width)]);
}
