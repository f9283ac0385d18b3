namespace Ioasis.Passthrough.Vfio;

/// <summary>
/// One capability of a chain that follows an info structure (Linux: struct vfio_info_cap_header and its data).
/// </summary>
/// <param name="Id">Its number, VFIO_REGION_INFO_CAP_*.</param>
/// <param name="Version">The version of its layout.</param>
/// <param name="Data">What follows the header.</param>
internal readonly record struct VfioCapability(ushort Id, ushort Version, byte[] Data);
