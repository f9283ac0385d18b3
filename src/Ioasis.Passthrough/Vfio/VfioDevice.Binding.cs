using Ioasis.Abi;
using Ioasis.Iommufd;
using Ioasis.Iommufd.Objects;
using Ioasis.Iommufd.Sva;
using Ioasis.Memory.Threads;

namespace Ioasis.Passthrough.Vfio;

/// <summary>The binding: which context the device belongs to, through which file, and what it is attached to.</summary>
internal sealed partial class VfioDevice
{
    // Guards which file the device is bound through and what it is attached to (Linux: vfio_device_set.lock). Taken
    // before the locks of the kind of device.
    private readonly RankedLock _binding = new(LockRank.VfioBinding);
    private VfioBinding? _bound;
    private VfioDeviceFile? _opener;

    /// <summary>The bound device's ID in its context.</summary>
    internal uint BoundId
    {
        get { using (_binding.Enter()) return _bound!.Id; }
    }

    /// <summary>Whether the bound device can have PASIDs of the program's.</summary>
    internal bool HasPasids
    {
        get { using (_binding.Enter()) return _bound!.HasPasids; }
    }

    /// <summary>The file through which its group opened it; null when the group did not.</summary>
    internal VfioDeviceFile? FileOfGroup
    {
        get { using (_binding.Enter()) return _opener is { IsOfGroup: true, IsGranted: true } file ? file : null; }
    }

    /// <summary>
    /// Binds the device through a file (Linux: vfio_df_open). <paramref name="publish"/> hands the ID out; if it fails,
    /// nothing was bound.
    /// </summary>
    internal Errno Bind(VfioDeviceFile file, IommufdContext context, Func<uint, bool> publish)
    {
        using (_binding.Enter())
        {
            if (_bound is not null) return Errno.EINVAL.Because("another open file has the device bound");
            Errno errno = Ops.Bind(context, out VfioBinding? binding);
            if (errno != Errno.None) return errno;
            Ops.Open(file.Carrier);
            if (!publish(binding!.Id))
            {
                Ops.Close();
                binding.Close();
                return Errno.EFAULT.Because("the structure cannot be written");
            }

            (_bound, _opener) = (binding, file);
            return Errno.None;
        }
    }

    /// <summary>
    /// Binds the device through a file of its group and attaches it to the context's compatibility IOAS, or does
    /// neither.
    /// </summary>
    /// <returns>EBUSY when the group handed it out before; ENODEV when the context has no such IOAS.</returns>
    internal Errno BindAndAttach(VfioDeviceFile file, IommufdContext context)
    {
        using (_binding.Enter())
        {
            if (_bound is not null) return Errno.EBUSY.Because("another open file has the device bound");
            Errno errno = Bind(file, context, _ => true);
            if (errno != Errno.None) return errno;
            errno = context.TryGetCompatIoas(out uint ioas);
            if (errno == Errno.None) errno = _bound!.Attach(ref ioas);
            if (errno != Errno.None) Unbind(file);
            return errno;
        }
    }

    /// <summary>
    /// Attaches the bound device, or one PASID of it. <paramref name="publish"/> hands the page table's ID out; if it
    /// fails, the device is detached.
    /// </summary>
    internal Errno Attach(uint? pasid, uint pageTable, Func<uint, bool> publish)
    {
        using (_binding.Enter())
        {
            Errno errno = pasid is { } id ? _bound!.Attach(id, ref pageTable) : _bound!.Attach(ref pageTable);
            if (errno != Errno.None || publish(pageTable)) return errno;
            Detach(pasid);
            return Errno.EFAULT.Because("the structure cannot be written");
        }
    }

    /// <summary>The bound device sends a PASID of a /dev/sva from now on.</summary>
    internal Errno Attach(SvaFileContext sva, uint pasid)
    {
        using (_binding.Enter()) return _bound!.Attach(sva, pasid);
    }

    /// <summary>Detaches the bound device, or one PASID of it; nothing happens if it is not attached.</summary>
    internal void Detach(uint? pasid)
    {
        using (_binding.Enter())
        {
            if (pasid is { } id) _bound!.Detach(id);
            else _bound!.Detach();
        }
    }

    /// <summary>
    /// Gives the device back if it is bound through this file: its DMA ends before its page tables go.
    /// </summary>
    internal void Unbind(VfioDeviceFile file)
    {
        using (_binding.Enter())
        {
            if (_bound is null || _opener != file) return;
            Ops.Close();
            _bound.Close();
            (_bound, _opener) = (null, null);
        }
    }
}
