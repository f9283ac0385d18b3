using Ioasis.Memory;

namespace Ioasis.Devices.Slots;

/// <summary>
/// Rules for the description of a function. A model's author breaks them, not a driver, so an exception reports them.
/// </summary>
internal static class FunctionRules
{
    internal static void Check(PciFunction function)
    {
        var taken = new HashSet<int>();
        foreach (Bar bar in function.Bars)
        {
            Require(bar.Index is >= 0 and <= 5, $"BAR {bar.Index} does not exist: indexes are 0 to 5");
            Require(taken.Add(bar.Index),
                $"BAR {bar.Index} is described twice, or is the upper half of the one before");
            if (bar.Is64Bit)
                Require(bar.Index < 5 && taken.Add(bar.Index + 1),
                    $"64-bit BAR {bar.Index} also needs index {bar.Index + 1}");
            Require(ulong.IsPow2(bar.Size) && bar.Size is >= 4096 and <= 1UL << 39,
                $"BAR {bar.Index} is {bar.Size} bytes: the size is a power of two from 4096 to 2^39");
            Require(bar.Is64Bit || bar.Size <= 1UL << 31,
                $"BAR {bar.Index} of {bar.Size} bytes needs to be a 64-bit one");
            Require(!bar.IsPortal || (bar.Registers.Count == 0 && !bar.IsMemory && bar.UnclaimedByte == 0
                    && function.Msix?.Bar != bar.Index),
                $"BAR {bar.Index} is a portal: it has neither registers, memory nor MSI-X structures, and reads as 0");
            CheckRegisters(bar);
        }

        Require(function.ClassCode <= 0xffffff, $"class code 0x{function.ClassCode:x} has more than 24 bits");
        Require(function.MsiVectors == 0 || (int.IsPow2(function.MsiVectors) && function.MsiVectors <= 32),
            $"{function.MsiVectors} MSI vectors: 0, or a power of two up to 32");
        Require(function.PasidBits is >= 0 and <= Pasid.Bits, $"{function.PasidBits} PASID bits: 0 to {Pasid.Bits}");
        Require(function.PasidBits > 0 || (!function.PasidExecute && !function.PasidPrivileged),
            "execute and privileged requests need PASIDs");
        Require(function.PageRequests >= 0 && (function.PageRequests == 0 || function.HasAts),
            $"{function.PageRequests} page requests: they need ATS");
        Require(function.Sriov is null || (function.IsExpress && !function.IsVirtual),
            "virtual functions are of physical ones of PCI Express");
        if (function.Sriov is { } sriov)
        {
            Require(sriov.TotalVfs is >= 1 and <= ushort.MaxValue, $"{sriov.TotalVfs} virtual functions: 1 to 65535");
            Require(sriov.FirstVfOffset > 0 && sriov.VfStride > 0,
                "the routing IDs of virtual functions differ from the function's and each other's");
            Require(sriov.VirtualFunction.IsVirtual && sriov.VirtualFunction.VendorId == function.VendorId,
                "a virtual function is one, of the same vendor");
            Check(sriov.VirtualFunction);
        }

        Require(!function.IsVirtual || !function.HasInterruptPin, "a virtual function has no interrupt pin");
        Require(function.IsExpress || (function.PasidBits == 0 && !function.HasAts),
            "PASIDs and ATS are of PCI Express");
        if (function.Msix is not { } msix) return;
        Require(msix.Vectors is >= 1 and <= 2048, $"{msix.Vectors} MSI-X vectors: 1 to 2048");
        Bar? home = function.Bars.FirstOrDefault(b => b.Index == msix.Bar);
        Require(home is not null, $"the MSI-X table is in BAR {msix.Bar}, which is not described");
        Require(msix.TableOffset % 8 == 0 && msix.PendingOffset % 8 == 0,
            "the MSI-X table and pending bits start at multiples of 8");
        ulong tableEnd = msix.TableOffset + ((ulong)msix.Vectors * 16),
            pendingEnd = msix.PendingOffset + (((ulong)msix.Vectors + 63) / 64 * 8);
        Require(tableEnd <= home!.Size && pendingEnd <= home.Size,
            $"the MSI-X table and pending bits do not lie within BAR {msix.Bar}");
        Require(tableEnd <= msix.PendingOffset || pendingEnd <= msix.TableOffset,
            "the MSI-X table and pending bits overlap");
        foreach (Register register in home.Registers)
        {
            ulong end = (ulong)register.Offset + (uint)register.Width;
            Require((end <= msix.TableOffset || register.Offset >= tableEnd)
                && (end <= msix.PendingOffset || register.Offset >= pendingEnd),
                $"register {register.Name} lies in the MSI-X structures");
        }

        void Require(bool condition, string rule)
        {
            if (!condition)
                throw new ArgumentException($"Function {function.VendorId:x4}:{function.DeviceId:x4}: {rule}.");
        }

        void CheckRegisters(Bar bar)
        {
            ulong end = 0;
            Register[] registers = [.. bar.Registers];
            Array.Sort(registers, static (one, other) => one.Offset.CompareTo(other.Offset));
            foreach (Register register in registers)
            {
                Require(register.Width is 1 or 2 or 4 or 8,
                    $"register {register.Name} is {register.Width} bytes wide: 1, 2, 4 or 8");
                Require(!register.IsComputed || !bar.IsMappable,
                    $"register {register.Name} is computed, but programs can map BAR {bar.Index}");
                Require(register.Offset % register.Width == 0,
                    $"register {register.Name} at 0x{register.Offset:x} is not naturally aligned");
                Require(register.Offset >= end, $"register {register.Name} at 0x{register.Offset:x} overlaps another");
                end = (ulong)register.Offset + (uint)register.Width;
                Require(end <= bar.Size,
                    $"register {register.Name} at 0x{register.Offset:x} does not lie within BAR {bar.Index}");
            }
        }
    }
}
