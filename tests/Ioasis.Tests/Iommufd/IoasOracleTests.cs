using Ioasis.Abi;
using Ioasis.Core.Dma;
using Ioasis.Iommufd.Mapping;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Tests.Iommufd;

/// <summary>
/// Random maps, copies and unmaps, valid and not, against a model that keeps one entry for each page: results, and what
/// a device then reads, must be the same at every step (invariants 2 and 5).
/// </summary>
public sealed class IoasOracleTests
{
    private const ulong Page = 4096;
    private const int Pages = 96; // of the IOVAs in play, and of the memory

    [Theory]
    [InlineData(11)]
    [InlineData(12)]
    [InlineData(13)]
    [InlineData(14)]
    public void DeviceSeesWhatAPageByPageModelSees(int seed)
    {
        var random = new Random(seed);
        var machine = new TestMachine();
        IommufdDevice device = machine.Bind();
        uint ioas = machine.NewIoas(), attached = ioas;
        Assert.Equal(Errno.None, device.Attach(null, ref attached));
        HostBlock block = machine.Program.Own.Allocate(Pages * Page);
        for (ulong page = 0; page < Pages; page++) block.Write(page * Page, page + 1000);
        using DmaPort port = device.Endpoint.OpenPort();

        IoPageTable table = machine.Context.Objects.All<IommufdIoas>().Single(i => i.Id == ioas).Table;

        // For each page of IOVA: which mapping it belongs to, which page of memory it leads to, what may be done.
        var model = new (int Mapping, ulong Memory, uint Flags)?[Pages];
        int next = 0;
        for (int step = 0; step < 5_000; step++)
        {
            ulong first = (ulong)random.Next(Pages), length = (ulong)random.Next(0, 9);
            if (random.Next(2) == 0)
            {
                ulong memory = (ulong)random.Next(Pages);
                uint flags = (uint)random.Next(0, 4) << 1; // readable, writable, both, neither
                Errno expected = flags == 0 || length == 0 ? Errno.EINVAL
                    : Enumerable.Range((int)first, (int)length).Any(p => p < Pages && model[p] is not null)
                        ? Errno.EEXIST
                    : memory + length > Pages ? Errno.EFAULT
                    : Errno.None;
                if (first + length > Pages) continue; // keep the game on the board
                Assert.Equal(expected, machine.Map(ioas, (first + 16) * Page, (ulong)block.Address + (memory * Page),
                        length * Page, flags));
                if (expected == Errno.None)
                {
                    next++;
                    for (ulong p = 0; p < length; p++) model[first + p] = (next, memory + p, flags);
                }
            }
            else
            {
                ulong bytes = length * Page;
                Errno answer = machine.Unmap(ioas, (first + 16) * Page, ref bytes);
                (Errno expected, int unmapped) = UnmapInModel(model, (int)first, (int)length);
                Assert.Equal(expected, answer);
                if (answer == Errno.None) Assert.Equal((ulong)unmapped * Page, bytes);
            }

            CheckDma(port, model, random);
            int[] mapped = [.. model.Where(p => p is not null).Select(p => p!.Value.Mapping)];
            Assert.Equal(
                (mapped.Distinct().Count(), (ulong)mapped.Length * Page), (table.MapCount, table.MappedBytes));
        }
    }

    private static (Errno Errno, int Unmapped) UnmapInModel(
        (int Mapping, ulong Memory, uint Flags)?[] model, int first, int length)
    {
        if (length == 0) return (Errno.EINVAL, 0);
        int unmapped = 0, last = Math.Min(first + length, Pages) - 1;
        for (int p = first; p <= last; p++)
        {
            if (model[p] is not { } entry) continue;
            int[] whole = [.. Enumerable.Range(0, Pages).Where(q => model[q]?.Mapping == entry.Mapping)];
            // whole mappings only; those below are gone by now
            if (whole[0] < first || whole[^1] > last) return (Errno.ENOENT, unmapped);
            foreach (int q in whole) model[q] = null;
            unmapped += whole.Length;
        }

        return unmapped == 0 ? (Errno.ENOENT, 0) : (Errno.None, unmapped);
    }

    private static void CheckDma(DmaPort port, (int Mapping, ulong Memory, uint Flags)?[] model, Random random)
    {
        Span<byte> data = stackalloc byte[8];
        for (int probe = 0; probe < 4; probe++)
        {
            int page = random.Next(Pages);
            var iova = new Iova((ulong)(page + 16) * Page);
            bool readable = model[page] is { } entry && (entry.Flags & IOMMU_IOAS_MAP_READABLE) != 0;
            Assert.Equal(readable, port.Read(iova, data).IsOk);
            if (readable) Assert.Equal(model[page]!.Value.Memory + 1000, BitConverter.ToUInt64(data));
            bool writable = model[page] is { } other && (other.Flags & IOMMU_IOAS_MAP_WRITEABLE) != 0;
            Assert.Equal(writable, port.Write(new Iova(iova.Value + 8), data).IsOk);
        }
    }
}
