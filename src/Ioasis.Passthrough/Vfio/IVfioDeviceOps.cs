using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Iommufd;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Objects;
using Ioasis.Passthrough.Vfio.Interrupts;
using Ioasis.Passthrough.Vfio.Ioctls;

namespace Ioasis.Passthrough.Vfio;

/// <summary>
/// What a kind of device does by itself; <see cref="VfioDevice"/> does the rest, which is the same for all (Linux:
/// struct vfio_device_ops). Calls of several threads come at once.
/// </summary>
internal interface IVfioDeviceOps
{
    /// <summary>The device's name on its bus: a PCI address, or a UUID (Linux: dev_name).</summary>
    string Name { get; }

    /// <summary>What GET_INFO answers: flags, the number of regions, the number of interrupt indexes.</summary>
    VfioDeviceInfo Info { get; }

    /// <summary>
    /// Bytes of <see cref="Info"/> that GET_INFO writes, if the program has room: some kinds know no capabilities.
    /// </summary>
    int InfoSize => Marshal.SizeOf<VfioDeviceInfo>();

    /// <summary>The ioctls of this kind of device alone, by number.</summary>
    IReadOnlyDictionary<uint, VfioIoctl> Ioctls => VfioIoctls.None;

    /// <summary>
    /// Binds the device to a context, in one of three ways: a whole function or a subdevice by
    /// <see cref="DeviceBinding.Bind"/>, an emulated device by <see cref="AccessBinding.Bind"/> (Linux: bind_iommufd).
    /// </summary>
    Errno Bind(IommufdContext context, out VfioBinding? binding);

    /// <summary>The device becomes usable through a file; it is bound already (Linux: open_device).</summary>
    /// <param name="carrier">The bytes of the file.</param>
    void Open(ICarrier carrier);

    /// <summary>The device comes to rest: no DMA, no interrupts. It is still bound (Linux: close_device).</summary>
    void Close();

    /// <summary>
    /// Is called before each call on a file, so that the device can finish what was asked of it in other ways.
    /// </summary>
    void Settle()
    {
    }

    /// <summary>
    /// Asks the program that has the device to close it, if the program has said how (Linux: request).
    /// </summary>
    void RequestRelease()
    {
    }

    /// <summary>Whether VFIO_GROUP_GET_DEVICE_FD means this device, and may have it (Linux: match).</summary>
    /// <param name="name">The name that the program gave.</param>
    /// <param name="isMeant">Whether it means the device.</param>
    /// <returns>Why the program may not have a device that it means.</returns>
    Errno Match(string name, out bool isMeant)
    {
        isMeant = name == Name;
        return Errno.None;
    }

    /// <summary>
    /// Whether a program that binds with this token, null for none, may have the device (Linux: match_token_uuid).
    /// </summary>
    Errno MatchToken(Guid? token) => token is null ? Errno.None : Errno.EINVAL.Because("the device has no token");

    /// <summary>
    /// Answers GET_REGION_INFO for <c>info.Index</c>: size, flags and offset (Linux: get_region_info_caps).
    /// </summary>
    /// <param name="info">The program's structure.</param>
    /// <param name="capabilities">What follows it, in this order.</param>
    Errno GetRegionInfo(ref VfioRegionInfo info, out IReadOnlyList<VfioCapability> capabilities);

    /// <summary>Answers GET_IRQ_INFO for <c>info.Index</c>: flags and count.</summary>
    Errno GetIrqInfo(ref VfioIrqInfo info);

    /// <summary>How many interrupts of an index SET_IRQS may name; 0 for an index that there is not.</summary>
    uint IrqCount(uint index);

    /// <summary>Does what SET_IRQS asks of an index; the numbers lie within its count.</summary>
    Errno SetIrqs(uint index, IrqRequest request);

    /// <summary>RESET.</summary>
    /// <returns>ENOTTY for a device that cannot.</returns>
    Errno Reset() => Errno.ENOTTY.Because("the device cannot be reset");

    /// <summary>FEATURE, its flags checked (Linux: device_feature).</summary>
    SysResult Feature(VfioCall call, VfioDeviceFeature feature) => Errno.ENOTTY.Because("the device has no features");

    /// <summary>pread(2) of the regions.</summary>
    SysResult Read(ICaller caller, ulong offset, ulong buffer, ulong count);

    /// <summary>pwrite(2) of the regions.</summary>
    SysResult Write(ICaller caller, ulong offset, ulong buffer, ulong count);

    /// <summary>mmap(2) of the regions; the bytes of the file at that offset are what is mapped.</summary>
    Errno Map(ICarrier carrier, ulong offset, ulong length, bool shared) =>
        Errno.EINVAL.Because("the device cannot be mapped");
}
