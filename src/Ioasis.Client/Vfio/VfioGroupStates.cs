using Ioasis.Abi;

namespace Ioasis.Client;

/// <summary>The state of a VFIO group (the VFIO_GROUP_FLAGS_* bits of linux/vfio.h).</summary>
[Flags]
public enum VfioGroupStates : uint
{
    /// <summary>Its devices cannot be opened.</summary>
    None = 0,

    /// <summary>All devices of the group are VFIO's or nobody's.</summary>
    Viable = VfioH.VFIO_GROUP_FLAGS_VIABLE,

    /// <summary>The group has a container.</summary>
    ContainerSet = VfioH.VFIO_GROUP_FLAGS_CONTAINER_SET,
}
