using System.Text;
using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Memory;

namespace Ioasis.Tests.Units;

/// <summary>
/// The smallest page of a unit's paging domains is the alignment of an IOAS that it uses. As on Linux, an IOAS takes no
/// unit whose smallest page is larger than the host's (iopt_table_add_domain).
/// </summary>
public sealed class PluginGranuleTests
{
    private const ulong HostPage = 4096;

    [Theory]
    [InlineData(11)]
    [InlineData(12)]
    public void AnIoasHasTheAlignmentOfTheUnit(int pageShift)
    {
        using var bench = new Bench(pageShift);
        Assert.Equal(1ul, bench.Ioas.GetIovaAlignment());
        bench.Device.Attach(bench.Ioas);
        ulong page = 1UL << pageShift;
        Assert.Equal(page, bench.Ioas.GetIovaAlignment());
        Iova at = bench.Ioas.Map(bench.Memory.Address, page, MapAccess.ReadWrite, new Iova(0x10000 + page));
        using DmaPort port = bench.Machine.Devices[0].Endpoint.OpenPort();
        Assert.True(port.Write(at, [1, 2, 3]).IsOk);
        Assert.False(port.Write(new Iova(at.Value + page), [1]).IsOk);
        IommuException refused = Assert.Throws<IommuException>(
            () => bench.Ioas.Map(bench.Memory.Address, page / 2, MapAccess.ReadWrite, new Iova(0x20000)));
        Assert.Equal(Errno.EINVAL, refused.Errno);
    }

    [Theory]
    [InlineData(14)]
    [InlineData(16)]
    public void AUnitWithLargerPagesThanTheHostIsRefusedAndTheIoasStaysAsItIs(int pageShift)
    {
        using var bench = new Bench(pageShift);
        Iova at = bench.Ioas.Map(bench.Memory.Address, HostPage, MapAccess.ReadWrite, new Iova(0x10000));
        foreach (Action use in (Action[])[() => bench.Device.Attach(bench.Ioas),
            () => bench.Context.AllocateHwpt(bench.Device, bench.Ioas)])
            Assert.Equal(Errno.EINVAL, Assert.Throws<IommuException>(use).Errno);
        Assert.Null(bench.Machine.Devices[0].Endpoint.Attached);
        Assert.Equal(1ul, bench.Ioas.GetIovaAlignment());
        Assert.Equal(HostPage, bench.Ioas.Unmap(at, HostPage));
    }

    private sealed class Bench : IDisposable
    {
        private readonly NodeTransport _nodes;

        internal Bench(int pageShift)
        {
            Assert.Equal(["tiny"], PluginUnitTests.Loaded.Value);
            Machine = SoftwareMachine.Create(MachineDescription.Parse("m.json", Encoding.UTF8.GetBytes($$"""
                {
                  "units": [{ "name": "tiny0", "driver": "tiny", "pageShift": {{pageShift}} }],
                  "devices": [{ "model": "dmatest", "address": "0000:00:04.0" }]
                }
                """)));
            _nodes = NodeTransport.InProcess(Machine);
            Context = IommuContext.Open(_nodes);
            Device = VfioDevice.Open(_nodes, Machine.Devices[0].VfioNode);
            Device.Bind(Context);
            Device.EnableBusMaster();
            Ioas = Context.AllocateIoas();
            Memory = _nodes.Allocate(2 * HostPage);
        }

        internal SoftwareMachine Machine { get; }

        internal IommuContext Context { get; }

        internal VfioDevice Device { get; }

        internal Ioas Ioas { get; }

        internal UserMemory Memory { get; }

        public void Dispose()
        {
            Device.Dispose();
            Context.Dispose();
            Memory.Dispose();
            _nodes.Dispose();
            Machine.Dispose();
        }
    }
}
