using System.Diagnostics.CodeAnalysis;
using Ioasis.Abi;
using Ioasis.Core;
using Ioasis.Core.Pasids;
using Ioasis.Core.Units;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using Ioasis.Memory.Threads;

namespace Ioasis.Iommufd.Sva;

/// <summary>
/// The PASIDs of one open /dev/sva, each with a page table of any kind. It connects the users who set up PASIDs to the
/// drivers whose devices send them. It builds on the objects of /dev/iommu: page tables are HWPTs, and devices are
/// attached to them in the usual way.
/// </summary>
public sealed class SvaFileContext
{
    private const long PasidCost = 512; // bytes, with its entries in the tables

    // Guards everything below, and the attachments of its PASIDs. Taken before an IOAS's HWPT lock and a group's attach
    // lock.
    private readonly RankedLock _lock = new(LockRank.SvaFileContext);
    private readonly Dictionary<uint, SvaPasid> _pasids = [];
    private readonly Dictionary<AddressSpace, SvaPasid> _processes = new(ReferenceEqualityComparer.Instance);
    private readonly PasidSpace _space;
    private readonly PasidOwner _owner;

    /// <summary>Makes a context without PASIDs.</summary>
    /// <param name="space">The PASIDs of the host.</param>
    /// <param name="quota">The most PASIDs that it may have, until changed.</param>
    /// <param name="carrier">The memory behind the open file.</param>
    public SvaFileContext(PasidSpace space, int quota, ICarrier carrier)
    {
        _space = space;
        _owner = new PasidOwner { Quota = quota };
        Objects = new IommufdContext(carrier);
    }

    /// <summary>Number of its PASIDs.</summary>
    public int Count
    {
        get { using (_lock.Enter()) return _pasids.Count; }
    }

    /// <summary>The most PASIDs that it may have.</summary>
    public int Quota
    {
        get { using (_lock.Enter()) return _owner.Quota; }
        set { using (_lock.Enter()) _owner.Quota = value; }
    }

    /// <summary>Charges the caller for what the file holds, unless somebody is charged already.</summary>
    public void ChargeTo(ICaller caller)
    {
        ArgumentNullException.ThrowIfNull(caller);
        MemoryBudget budget = Objects.Objects.Budget;
        if (budget.HasPayer) return;
        budget.SetPayer(caller);
        using (_lock.Enter()) _owner.Shares ??= [caller.Pins.Pasids, caller.UserPins.Pasids];
    }

    /// <summary>
    /// From now on only the quota limits the number of PASIDs, for a file that was granted more than others.
    /// </summary>
    public void LiftShares()
    {
        using (_lock.Enter()) _owner.Shares = [];
    }

    /// <summary>Its own objects: queues for page requests.</summary>
    internal IommufdContext Objects { get; }

    /// <summary>
    /// The context behind a file that a program passed with a PASID; null if it is not an open /dev/sva.
    /// </summary>
    public static SvaFileContext? FromFile(IOpenFile file) => (file as ISvaFile)?.Sva;

    /// <summary>
    /// Registers that a driver's device sends a PASID. The device is attached to the PASID's page table, and follows
    /// its changes.
    /// </summary>
    /// <param name="device">The device, bound to any context.</param>
    /// <param name="pasid">One of this context's PASIDs.</param>
    /// <param name="registration">Undoes the registration; set if the result is <see cref="Errno.None"/>.</param>
    /// <returns>
    /// ENOENT if there is no such PASID here; EOPNOTSUPP if the device has no PASIDs; EINVAL if the device cannot send
    /// this one or cannot use its page table; EBUSY if something else is attached to the device's PASID.
    /// </returns>
    public Errno RegisterDeviceToPasid(IommufdDevice device, uint pasid, out SvaRegistration? registration)
    {
        ArgumentNullException.ThrowIfNull(device);
        registration = null;
        using (_lock.Enter())
        {
            if (!_pasids.TryGetValue(pasid, out SvaPasid? entry))
                return Errno.ENOENT.Because($"PASID {pasid} is not one of this open /dev/sva");
            int bits = device.SvaPasidBits;
            if (bits == 0) return Errno.EOPNOTSUPP.Because("the device has no PASIDs");
            if (pasid >> bits != 0)
                return Errno.EINVAL.Because($"PASID {pasid} has more than the device's {bits} bits");
            if (device.IsAttached(entry.Pasid))
                return Errno.EBUSY.Because($"PASID {pasid} of the device is attached already");
            var registered = new SvaRegistration(this, device, entry);
            Errno errno = entry.Add(registered);
            if (errno != Errno.None) return errno;
            _space.Hold(entry.Pasid);
            registration = registered;
            return Errno.None;
        }
    }

    /// <summary>Allocates the lowest free PASID of a range, both ends inclusive.</summary>
    /// <returns>
    /// EINVAL if the range is wrong; ENOMEM if the quota is used up or memory is short; ENOSPC if none is free, or the
    /// process or its user has used up its share of all PASIDs.
    /// </returns>
    public Errno Allocate(uint first, uint last, out uint pasid)
    {
        using (_lock.Enter()) return Allocate(first, last, isOfBinding: false, out _, out pasid);
    }

    /// <summary>
    /// Frees a PASID. After it returns no device uses the PASID's page table. The PASID is not reused before its
    /// devices release it.
    /// </summary>
    /// <returns>ENOENT if there is no such PASID here.</returns>
    public Errno Free(uint pasid)
    {
        using (_lock.Enter())
        {
            if (!_pasids.TryGetValue(pasid, out SvaPasid? entry))
                return Errno.ENOENT.Because($"PASID {pasid} is not one of this open /dev/sva");
            Free(entry);
            return Errno.None;
        }
    }

    /// <summary>
    /// Makes a process's memory a PASID's page table. A process has one PASID here however often it is bound; each
    /// binding is undone separately.
    /// </summary>
    /// <param name="process">The process's memory, always the same object.</param>
    /// <param name="pasid">The PASID. 0 for the one that the process has; if it has none, a new one, which is freed
    /// with the binding.</param>
    /// <returns>
    /// ENOENT if there is no such PASID here; EEXIST if the process has another one; EBUSY if the PASID has another
    /// page table; the errors of <see cref="Allocate(uint, uint, out uint)"/>; the error of a device of the PASID.
    /// </returns>
    public Errno BindProcess(AddressSpace process, ref uint pasid)
    {
        ArgumentNullException.ThrowIfNull(process);
        using (_lock.Enter())
        {
            if (_processes.TryGetValue(process, out SvaPasid? entry))
            {
                if (pasid != 0 && pasid != entry.Pasid.Value)
                    return _pasids.ContainsKey(pasid)
                        ? Errno.EEXIST.Because($"the process is bound to PASID {entry.Pasid.Value}, not to {pasid}")
                        : Errno.ENOENT.Because($"PASID {pasid} is not one of this open /dev/sva");
                pasid = entry.Pasid.Value;
                entry.Binds++;
                return Errno.None;
            }

            Errno errno = Errno.None;
            if (pasid == 0) errno = Allocate(1, Pasid.MaxValue, isOfBinding: true, out entry, out pasid);
            else if (!_pasids.TryGetValue(pasid, out entry))
                errno = Errno.ENOENT.Because($"PASID {pasid} is not one of this open /dev/sva");
            if (errno != Errno.None) return errno;
            errno = Bind(entry!, new ProcessTable(Objects, process));
            if (errno == Errno.None)
            {
                entry!.Binds = 1;
                _processes.Add(process, entry);
            }
            else if (entry!.IsOfBinding)
            {
                Free(entry);
            }

            return errno;
        }
    }

    /// <summary>
    /// Makes an object of a /dev/iommu a PASID's page table: an IOAS; a HWPT; or, with <paramref name="data"/>, a first
    /// stage of the caller's own on a nest parent or in a vIOMMU.
    /// </summary>
    /// <param name="pasid">A PASID without a page table.</param>
    /// <param name="context">The open /dev/iommu.</param>
    /// <param name="id">The object's ID there.</param>
    /// <param name="data">The description of the first stage; null for none.</param>
    /// <param name="faultId">One of this context's queues, for page requests of an IOAS or a first stage; null refuses
    /// them.</param>
    /// <returns>
    /// ENOENT if there is no such PASID, object or queue; EBUSY if the PASID has a page table; EINVAL if the object is
    /// of another kind, is a HWPT that is not for PASIDs, or is a HWPT and a queue is given; the unit's error; the
    /// error of a device of the PASID.
    /// </returns>
    public Errno BindTable(uint pasid, IommufdContext context, uint id, UserData? data, uint? faultId)
    {
        ArgumentNullException.ThrowIfNull(context);
        using (_lock.Enter())
        {
            if (!_pasids.TryGetValue(pasid, out SvaPasid? entry))
                return Errno.ENOENT.Because($"PASID {pasid} is not one of this open /dev/sva");
            if (entry.Table is not null) return Errno.EBUSY.Because($"PASID {pasid} is bound already");
            ObjectTable.Held<IommufdFaultQueue> queue = default;
            Errno errno = faultId is { } number ? Objects.Objects.TryGet(number, out queue) : Errno.None;
            using ObjectTable.Held<IommufdFaultQueue> faults = queue;
            if (errno != Errno.None) return errno;
            errno = context.Objects.TryGet(id, out ObjectTable.Held<IommufdObject> held);
            using ObjectTable.Held<IommufdObject> target = held;
            if (errno != Errno.None) return errno;
            errno = TryMakeTable(context, target.Value, data, faults.Value, out SvaTable? table);
            return errno == Errno.None ? Bind(entry, table!) : errno;
        }
    }

    /// <summary>Undoes one binding. After the last one is undone no device uses the page table.</summary>
    /// <returns>ENOENT if there is no such PASID here, or it has no page table.</returns>
    public Errno Unbind(uint pasid)
    {
        using (_lock.Enter())
        {
            if (!_pasids.TryGetValue(pasid, out SvaPasid? entry) || entry.Table is null)
                return Errno.ENOENT.Because($"PASID {pasid} is not bound");
            if (--entry.Binds > 0) return Errno.None;
            if (entry.IsOfBinding) Free(entry);
            else Unbind(entry);
            return Errno.None;
        }
    }

    /// <summary>Invalidates caches of a PASID's first stage that its user has changed.</summary>
    /// <param name="pasid">The PASID.</param>
    /// <param name="entries">The entries to invalidate, in the unit's format.</param>
    /// <param name="done">Number of entries done, in order.</param>
    /// <returns>
    /// ENOENT if there is no such PASID here; EINVAL if its page table has no first stage of a user's; the unit's
    /// error.
    /// </returns>
    public Errno Invalidate(uint pasid, UserDataArray entries, out int done)
    {
        done = 0;
        using (_lock.Enter())
        {
            if (!_pasids.TryGetValue(pasid, out SvaPasid? entry))
                return Errno.ENOENT.Because($"PASID {pasid} is not one of this open /dev/sva");
            return entry.Table?.Invalidate(entries, out done) ?? Errno.EINVAL.Because($"PASID {pasid} is not bound");
        }
    }

    /// <summary>Frees all PASIDs.</summary>
    public void Close()
    {
        using (_lock.Enter())
            foreach (SvaPasid entry in _pasids.Values.ToArray()) Free(entry);
        Objects.Release();
    }

    internal void Remove(SvaRegistration registration, ref bool disposed)
    {
        using (_lock.Enter())
        {
            if (disposed) return;
            disposed = true;
            registration.Pasid.Remove(registration);
            _space.Release(registration.Pasid.Pasid);
        }
    }

    private Errno TryMakeTable(IommufdContext context, IommufdObject target, UserData? data, IommufdFaultQueue? faults,
        [NotNullWhen(true)] out SvaTable? table)
    {
        table = null;
        if (data is not null) return GuestTable.TryCreate(context, target, data, faults, out table);
        if (target is IommufdIoas ioas) table = new IoasTable(context, ioas, faults);
        else if (target is IommufdHwpt { PasidCompatible: true } hwpt && faults is null)
            table = new HwptTable(context, hwpt);
        return table is null
            ? Errno.EINVAL.Because(
                "a PASID is bound to an IOAS, or without a fault queue to a HWPT made with IOMMU_HWPT_ALLOC_PASID")
            : Errno.None;
    }

    private static Errno Bind(SvaPasid entry, SvaTable table)
    {
        Errno errno = entry.Table is null ? entry.Bind(table) : Errno.EBUSY.Because("the PASID is bound already");
        if (errno != Errno.None) table.Dispose();
        return errno;
    }

    private Errno Allocate(uint first, uint last, bool isOfBinding, out SvaPasid? entry, out uint pasid)
    {
        (entry, pasid) = (null, 0);
        if (!Objects.Objects.Budget.TryTake(PasidCost))
            return Errno.ENOMEM.Because("the program may not make Ioasis hold more memory");
        IommuStatus status = _space.Allocate(_owner, first, last, out Pasid allocated);
        pasid = allocated.Value;
        if (status != IommuStatus.Ok)
        {
            Objects.Objects.Budget.Give(PasidCost);
            return status.ToErrno();
        }

        entry = new SvaPasid(allocated) { IsOfBinding = isOfBinding };
        _pasids.Add(pasid, entry);
        return Errno.None;
    }

    private void Unbind(SvaPasid entry)
    {
        if (entry.Table is ProcessTable process) _processes.Remove(process.Process);
        entry.Binds = 0;
        entry.Unbind();
    }

    private void Free(SvaPasid entry)
    {
        Unbind(entry);
        _pasids.Remove(entry.Pasid.Value);
        _space.Free(_owner, entry.Pasid);
        Objects.Objects.Budget.Give(PasidCost);
    }
}
