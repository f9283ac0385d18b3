using Ioasis.Abi;
using Ioasis.Iommufd;
using Ioasis.Iommufd.Files;
using Ioasis.Passthrough.Vfio.Ioctls;

namespace Ioasis.Passthrough.Vfio;

/// <summary>
/// One open of a device, by its node or by its group (Linux: struct vfio_device_file). A file that the group opened is
/// bound from the start. A file of the node refuses everything but BIND_IOMMUFD until it is bound.
/// </summary>
internal sealed class VfioDeviceFile(VfioDevice device, ICarrier carrier, VfioGroup? opener = null) : NodeFile
{
    private volatile bool _granted;

    internal VfioDevice Device { get; } = device;

    /// <summary>Its bytes.</summary>
    internal ICarrier Carrier => carrier;

    /// <summary>Whether the group opened it; else a program opened the device's own node.</summary>
    internal bool IsOfGroup => opener is not null;

    /// <summary>Whether the device is bound through this file. It stays so until the file is closed.</summary>
    internal bool IsGranted
    {
        get => _granted;
        set => _granted = value;
    }

    /// <summary>Whether the group's file counts as open until this one is closed.</summary>
    internal bool KeepsGroupOpen { get; set; }

    /// <inheritdoc/>
    public override bool IsVfioFile => true;

    public override SysResult Ioctl(ICaller caller, uint command, ulong argument)
    {
        Device.Ops.Settle();
        return VfioIoctls.Dispatch(this, caller, command, argument);
    }

    public override IoctlShape? ShapeOf(uint command) => VfioIoctls.ShapeOf(this, command);

    public override string Describe(ICaller caller, uint command, ulong argument) =>
        VfioIoctls.Describe(this, caller, command, argument) ?? base.Describe(caller, command, argument);

    public override SysResult Read(ICaller caller, ulong offset, ulong buffer, ulong count)
    {
        Device.Ops.Settle();
        return _granted
            ? Device.Ops.Read(caller, offset, buffer, count)
            : Errno.EINVAL.Because("the device is not bound; VFIO_DEVICE_BIND_IOMMUFD or its group does that");
    }

    public override SysResult Write(ICaller caller, ulong offset, ulong buffer, ulong count)
    {
        Device.Ops.Settle();
        return _granted
            ? Device.Ops.Write(caller, offset, buffer, count)
            : Errno.EINVAL.Because("the device is not bound; VFIO_DEVICE_BIND_IOMMUFD or its group does that");
    }

    public override Errno Map(
        ulong offset, ulong length, bool shared, bool readable, bool writable, bool executable) =>
        _granted
            ? Device.Ops.Map(carrier, offset, length, shared)
            : Errno.EINVAL.Because("the device is not bound; VFIO_DEVICE_BIND_IOMMUFD or its group does that");

    public override void Close()
    {
        Device.Unbind(this);
        if (KeepsGroupOpen) Device.Group?.TakeBack();
        else if (_granted && !IsOfGroup) Device.Group?.Unblock();
        Device.RemoveFile();
        opener?.NoteChange();
    }
}
