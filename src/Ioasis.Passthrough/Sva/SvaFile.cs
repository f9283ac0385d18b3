using Ioasis.Abi;
using Ioasis.Core.Pasids;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Ioctls;
using Ioasis.Iommufd.Sva;

namespace Ioasis.Passthrough.Sva;

/// <summary>An open /dev/sva, as programs call it.</summary>
internal sealed class SvaFile(PasidSpace space, int quota, ICarrier carrier) : NodeFile, ISvaFile
{
    public SvaFileContext Sva { get; } = new(space, quota, carrier);

    /// <summary>The quota that it began with.</summary>
    internal int FirstQuota => quota;

    public override SysResult Ioctl(ICaller caller, uint command, ulong argument)
    {
        Sva.ChargeTo(caller);
        return SvaIoctls.Dispatch(this, caller, command, argument);
    }

    /// <inheritdoc/>
    public override IoctlShape? ShapeOf(uint command) =>
        SvaIoctls.Table.TryGetValue(command, out SvaIoctl? ioctl) ? ioctl.Shape : IoctlTable.ShapeOf(command);

    /// <inheritdoc/>
    public override string Describe(ICaller caller, uint command, ulong argument) =>
        SvaIoctls.Table.TryGetValue(command, out SvaIoctl? ioctl)
            ? ioctl.Name
            : Sva.Objects.Describe(caller, command, argument);

    public override void Close() => Sva.Close();
}
