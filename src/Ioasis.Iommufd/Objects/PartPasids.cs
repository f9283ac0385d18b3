using Ioasis.Abi;
using Ioasis.Core;
using Ioasis.Core.Pasids;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Objects;

/// <summary>
/// The PASIDs of the host behind the numbers that a program chose for its subdevice, and how many it may have. The
/// group's lock guards it.
/// </summary>
/// <param name="space">The PASIDs of the host.</param>
/// <param name="last">The highest that the function can send.</param>
internal sealed class PartPasids(PasidSpace space, uint last)
{
    private readonly PasidOwner _owner = new();
    private readonly Dictionary<uint, Pasid> _byNumber = [];

    /// <summary>
    /// The PASID behind a number. A number that the program did not choose is a PASID of a /dev/sva, which stands for
    /// itself.
    /// </summary>
    internal Pasid HostOf(Pasid number) => _byNumber.TryGetValue(number.Value, out Pasid host) ? host : number;

    /// <summary>Allocates a PASID for a number.</summary>
    /// <returns>EBUSY if the number has one; ENOSPC if the subdevice has all that it may have, or none is
    /// left.</returns>
    internal Errno TryAdd(Pasid number)
    {
        if (_byNumber.ContainsKey(number.Value))
            return Errno.EBUSY.Because($"PASID {number.Value} of the device is attached already");
        if (space.Allocate(_owner, 1, last, out Pasid host) != IommuStatus.Ok)
            return Errno.ENOSPC.Because("all PASIDs of the host are given out");
        _byNumber.Add(number.Value, host);
        return Errno.None;
    }

    /// <summary>Frees the PASID of a number, if it has one.</summary>
    internal void Remove(Pasid number)
    {
        if (_byNumber.Remove(number.Value, out Pasid host)) space.Free(_owner, host);
    }
}
