using Ioasis.Abi;
using Ioasis.Iommufd;
using Ioasis.Iommufd.Objects;
using Ioasis.Iommufd.Sva;
using Ioasis.Memory;

namespace Ioasis.Passthrough.Vdpa.Spaces;

/// <summary>
/// An address space that has the page table of a PASID of /dev/sva. If that is the owner's own memory, messages that
/// map an address to itself are true already: they succeed and enter nothing.
/// </summary>
internal sealed class SvaSpace : VdpaSpace
{
    private readonly SvaUse _use;

    private SvaSpace(SvaUse use)
    {
        _use = use;
        use.Spaces++;
    }

    /// <summary>The PASID that the device sends.</summary>
    internal Pasid Pasid => _use.Registration.Pasid.Pasid;

    /// <summary>Attaches an address space.</summary>
    /// <param name="device">The address space, bound to a context; the space unbinds it when it ends.</param>
    /// <param name="sva">Whose PASID it is.</param>
    /// <param name="pasid">The PASID.</param>
    /// <param name="space">The space, if the result is <see cref="Errno.None"/>.</param>
    /// <returns>The errors of <see cref="SvaFileContext.RegisterDeviceToPasid"/>; the device is still bound.</returns>
    internal static Errno TryAttach(IommufdDevice device, SvaFileContext sva, uint pasid, out SvaSpace? space)
    {
        Errno errno = sva.RegisterDeviceToPasid(device, pasid, out SvaRegistration? registration);
        space = errno == Errno.None ? new SvaSpace(new SvaUse(sva, device, registration!)) : null;
        return errno;
    }

    /// <summary>Whether it has a PASID of a /dev/sva.</summary>
    internal bool Has(SvaFileContext sva, uint pasid) => ReferenceEquals(_use.Sva, sva) && Pasid.Value == pasid;

    /// <summary>
    /// Another address space of the device with the same PASID, which the device's endpoint has once.
    /// </summary>
    internal SvaSpace Share() => new(_use);

    internal override Errno Update(in VhostIotlbMsg message, VdpaOwner owner, bool inBatch) =>
        IsMemoryOf(owner) && message.Iova == message.Uaddr
            ? Errno.None
            : Errno.EINVAL.Because(
                "the device uses a process's addresses: its IOVAs are that process's addresses, and no others");

    internal override Errno Invalidate(in VhostIotlbMsg message, VdpaOwner owner, bool inBatch) =>
        IsMemoryOf(owner) ? Errno.None : Errno.EINVAL.Because("the device uses the addresses of another process");

    internal override void Close(VdpaOwner? owner)
    {
        if (--_use.Spaces != 0) return;
        _use.Registration.Dispose();
        _use.Device.Unbind();
    }

    private bool IsMemoryOf(VdpaOwner owner) =>
        _use.Registration.Pasid.Table is ProcessTable table && ReferenceEquals(table.Process, owner.Memory);

    /// <summary>That the device sends a PASID, for any number of its address spaces.</summary>
    private sealed class SvaUse(SvaFileContext sva, IommufdDevice device, SvaRegistration registration)
    {
        internal SvaFileContext Sva => sva;

        internal IommufdDevice Device => device;

        internal SvaRegistration Registration => registration;

        internal int Spaces { get; set; }
    }
}
