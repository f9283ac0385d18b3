using System.Text;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Machine.Nodes;

namespace Ioasis.Tests.Machine;

public sealed class MachineDescriptionTests
{
    [Theory]
    [InlineData("{\n \"units\": [ { \"nme\": \"a\" } ]\n}", "m.json:2: a unit has "
        + "no \"nme\"; it may have name, driver, addressBits, pages2M, pages1G, dirtyTracking, nesting, "
        + "firstStage5Level, firstStage1G, pasidBits, pageRequests, iotlbEntries, structureEntries, reserved.")]
    [InlineData("{\"units\": [\n{\"name\": \"a\",\n\"pasidBits\": 21}]}",
            "m.json:3: PASIDs have up to 20 bits, not 21.")]
    [InlineData("{\"units\": [\n{\"name\": \"a\",\n\"iotlbEntries\": 9999999}]}",
            "m.json:3: a unit keeps up to 1048576 entries, not 9999999.")]
    [InlineData("{\"units\": [\n{\"name\": \"a\",\n\"nesting\": 1}]}",
            "m.json:3: \"nesting\" of a unit is true or false, not 1.")]
    [InlineData("{\"devices\": [\n{\"model\": \"dmatest\", \"address\": \"00:03.0\",\n\"pasidBits\": 30}]}",
            "m.json:3: dmatest has up to 20 PASID bits, not 30.")]
    [InlineData("{\"devices\": [\n{\"model\": \"edu\", \"address\": \"00:03.0\",\n\"ats\": true}]}",
            "m.json:3: edu has no ATS.")]
    [InlineData("{\"devices\": [\n{\"model\": \"dmatest\", \"address\": \"00:03.0\",\n\"pri\": 33}]}",
            "m.json:3: dmatest has up to 32 page requests, not 33.")]
    [InlineData("{\"devices\": [\n{\"model\": \"dmatest\", \"address\": \"00:03.0\", \"ats\": false,\n\"pri\": 3}]}",
        "m.json:3: page requests need ATS; leave \"pri\" out, or \"ats\": false.")]
    [InlineData("{\n\n \"devices\": [ { \"model\": \"ahci\", \"address\": \"00:03.0\" } ]\n}",
            "m.json:3: there is no device model \"ahci\"; expected one of: "
            + "dmatest, dsa, edu, ioat, nvme, virtio-blk, virtio-net.")]
    [InlineData("{\"devices\": [\n{\"model\": \"edu\", \"address\": \"00:33.0\"}]}",
            "m.json:2: \"00:33.0\" is not an address such as 1000:00:03.0.")]
    [InlineData("{\"devices\": [\n{\"model\": \"edu\"}]}",
            "m.json:2: a device needs \"address\", such as \"1000:00:03.0\".")]
    [InlineData("{\"devices\": [\n{\"model\": \"edu\", \"address\": \"00:03.0\",\n \"unit\": \"x\"}]}",
            "m.json:3: there is no unit \"x\"; expected one of: dmar0.")]
    [InlineData("{\"units\": [\n{\"name\": \"a\",\n\"addressBits\": 40}]}",
            "m.json:3: a VT-d unit translates 39, 48 or 57 address bits, not 40.")]
    [InlineData("{\"units\": {}}", "m.json:1: \"units\" of a machine is an array, not an object.")]
    [InlineData("{\"devices\": [{\"model\": \"ioat\", \"address\": \"00:03.0\", \"properties\": "
        + "{\n\"maxTransferLog2\": 11}}]}", "m.json:2: \"maxTransferLog2\" is a logarithm from 12 to 20, not \"11\".")]
    [InlineData(
            "{\"devices\": [{\"model\": \"ioat\", \"address\": \"00:03.0\", \"properties\": {\n\"haltOnFault\": 1}}]}",
            "m.json:2: \"haltOnFault\" is true or false, not \"1\".")]
    [InlineData(
            "{\"devices\": [{\"model\": \"nvme\", \"address\": \"00:03.0\", \"properties\": {\n\"size\": \"100\"}}]}",
            "m.json:2: \"size\" is a number of bytes from 512 to 16T such as \"64M\", not \"100\".")]
    [InlineData(
            "{\"devices\": [{\"model\": \"nvme\", \"address\": \"00:03.0\", \"properties\": {\n\"size\": \"17T\"}}]}",
            "m.json:2: \"size\" is a number of bytes from 512 to 16T such as \"64M\", not \"17T\".")]
    [InlineData("{\"devices\": [{\"model\": \"nvme\", \"address\": \"00:03.0\", \"properties\": {\n\"queues\": 17}}]}",
            "m.json:2: \"queues\" is a number from 1 to 16, not \"17\".")]
    [InlineData(
            "{\"devices\": [{\"model\": \"nvme\", \"address\": \"00:03.0\", \"properties\": {\n\"serial\": \"\"}}]}",
            "m.json:2: \"serial\" has 1 to 20 ASCII characters, not \"\".")]
    [InlineData("{\"devices\": [{\"model\": \"nvme\", \"address\": \"00:03.0\", \"mappable\": 3}]}",
            "m.json:1: \"mappable\" of a device is true or false, not 3.")]
    [InlineData("{\n\"devices\": [\n{\"model\": "
        + "\"edu\", \"address\": \"00:03.0\", \"properties\": {\"dmaMask\": \"0x123\"}}]}",
        "m.json:3: \"dmaMask\" is a mask of address bits such as \"0xfffffff\", not \"0x123\".")]
    [InlineData("{\"devices\": [\n{\"model\": "
        + "\"edu\", \"address\": \"00:03.0\"},\n{\"model\": \"edu\", \"address\": \"0000:00:03.0\"}]}",
        "m.json:3: 0000:00:03.0 is taken; give each device its own address.")]
    [InlineData("{\"iommu\": {\n\"lazy\": true}}",
        "m.json:2: \"iommu\" has no \"lazy\"; it may have passthrough, strict.")]
    [InlineData("{\"units\": [{\"name\": \"a\", \"reserved\": [{\"first\": 0, \"last\": 1,\n\"kind\": \"msi\"}]}]}",
        "m.json:2: a range is reserved, direct or direct-relaxable, not \"msi\".")]
    [InlineData("{\"units\": [{\"name\": \"a\", \"reserved\": [{\"first\": 0, \"last\": 1,\n\"device\": \"x\"}]}]}",
        "m.json:2: \"x\" is not an address such as 1000:00:03.0.")]
    public void AMistakeIsShownWhereItIsWithWhatWouldBeRight(string json, string message)
    {
        MachineDescriptionException e = Assert.Throws<MachineDescriptionException>(
            () => MachineDescription.Parse("m.json", Encoding.UTF8.GetBytes(json)));
        Assert.Equal(message, WithoutColumn(e.Message));
    }

    /// <summary>Editors and compilers show a place so; a character of several bytes is one column.</summary>
    [Theory]
    [InlineData("{\"devices\": [{\"model\": \"ahci\", \"address\": \"00:03.0\"}]}", "m.json:1:24: ")]
    [InlineData("{\n  /* \u00e9\u20ac */ \"units\": {}\n}", "m.json:2:21: ")]
    [InlineData("{\n  \"units\": [,]\n}", "m.json:2:13: ")]
    public void AMistakeIsShownWithLineAndColumn(string json, string start)
    {
        MachineDescriptionException e = Assert.Throws<MachineDescriptionException>(
            () => MachineDescription.Parse("m.json", Encoding.UTF8.GetBytes(json)));
        Assert.StartsWith(start, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("a/b")]
    [InlineData("a\\nb")]
    public void AUnitHasANameThatAFolderOfSysfsCanHave(string name)
    {
        MachineDescriptionException e = Assert.Throws<MachineDescriptionException>(() => MachineDescription.Parse(
            "m.json", Encoding.UTF8.GetBytes($"{{\"units\": [{{\"name\": \"{name}\"}}]}}")));
        Assert.Contains("cannot be the name of a unit", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void WhatADeviceRefusesIsToldInItsOwnWords()
    {
        MachineDescriptionException e = Assert.Throws<MachineDescriptionException>(() =>
        {
            using var machine = SoftwareMachine.Create(
                MachineDescription.Empty.WithDevice("nvme,file=/nonexistent/x"));
        });
        Assert.StartsWith(
            "The file \"/nonexistent/x\" of an nvme cannot be used: ", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("Parameter", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/nonexistent/m.json", "/nonexistent/m.json: cannot be read: there is no such file.")]
    [InlineData("/", "/: cannot be read: it is a folder.")]
    public void AFileThatCannotBeReadIsToldWithoutWordsOfDotnet(string path, string sentence) =>
        Assert.Equal(sentence,
            Assert.Throws<MachineDescriptionException>(() => MachineDescription.Load(path)).Message);

    [Theory]
    [InlineData("/nonexistent/a.dll", "there is no such file")]
    [InlineData("/", "it is a folder")]
    [InlineData("/etc/passwd", "it is no .NET assembly")]
    public void APluginThatCannotBeLoadedIsToldInOneLine(string path, string why) =>
        Assert.Equal($"plug-in \"{path}\": cannot be loaded: {why}.",
            Assert.Throws<MachineDescriptionException>(() => Plugins.Load(path)).Message);

    /// <summary>A message that begins with FILE:LINE:COLUMN, without the column.</summary>
    internal static string WithoutColumn(string message) =>
        System.Text.RegularExpressions.Regex.Replace(message, @"^([^:\s]+:\d+):\d+: ", "$1: ");

    [Fact]
    public void AnUnknownDriverIsShownBesideThoseThereAre()
    {
        MachineDescriptionException e = Assert.Throws<MachineDescriptionException>(() =>
            MachineDescription.Parse(
                "m.json", "{\"units\": [\n{\"name\": \"a\",\n\"driver\": \"smmu\"}]}"u8.ToArray()));
        // mock: once another test loaded it
        Assert.Matches("^m.json:3:11: there is no driver \"smmu\"; there is (mock, )?(tiny, )?vtd.$", e.Message);
    }

    [Fact]
    public void WhatIsNotJsonIsToldWithItsLine()
    {
        MachineDescriptionException e = Assert.Throws<MachineDescriptionException>(
            () => MachineDescription.Parse("m.json", "{\n  \"units\": [,]\n}"u8.ToArray()));
        Assert.StartsWith("m.json:2:13: this is not JSON: ", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AMachineIsBuiltAsDescribed()
    {
        const string json = """
            { // two units, a shared group
              "units": [
                { "name": "dmar0" },
                { "name": "dmar1", "addressBits": 39, "reserved": [ { "first": "0x1000", "last": 8191 } ] }
              ],
              "devices": [
                { "model": "edu", "address": "1000:00:05.0", "unit": "dmar1", "group": 0 },
                {
                  "model": "edu", "address": "1000:00:06.0", "unit": "dmar1", "group": 0,
                  "properties": { "dmaMask": "0xffffffff" }
                },
                { "model": "dmatest", "address": "0001:02:00.1" },
              ]
            }
            """;
        using var machine = SoftwareMachine.Create(MachineDescription.Parse("m.json", Encoding.UTF8.GetBytes(json)));
        Assert.Equal(["dmar0", "dmar1"], machine.Units.Select(u => u.Name));
        Assert.Equal([("edu", 0, "dmar1"), ("edu", 0, "dmar1"), ("dmatest", 1, "dmar0")],
            machine.Devices.Select(d => (d.Model, d.Group, d.Unit)));
        Assert.Equal("/dev/vfio/devices/vfio2", machine.Devices[2].VfioNode);
        Assert.IsType<VirtualDevice>(machine.Paths["/dev/vfio/devices/vfio2"]);
        Assert.Equal("../../../devices/pci0001:02/0001:02:00.1",
            Assert.IsType<VirtualLink>(machine.Paths["/sys/bus/pci/devices/0001:02:00.1"]).Target);
        Assert.Equal("../../../kernel/iommu_groups/1",
            Assert.IsType<VirtualLink>(machine.Paths["/sys/devices/pci0001:02/0001:02:00.1/iommu_group"]).Target);
    }

    [Fact]
    public void ADeviceIsToldWhatItsModelCanBeTold()
    {
        const string json = """
            { "devices": [
                {
                  "model": "nvme", "address": "1000:00:05.0", "mappable": false,
                  "properties": { "size": "1M", "queues": 2, "serial": "one" }
                },
                {
                  "model": "ioat", "address": "1000:00:06.0",
                  "properties": { "maxTransferLog2": 20, "haltOnFault": false }
                },
            ] }
            """;
        using var machine = SoftwareMachine.Create(MachineDescription.Parse("m.json", Encoding.UTF8.GetBytes(json)));
        Assert.Equal((3, false),
            (machine.Devices[0].Function.Msix!.Vectors, machine.Devices[0].Function.Bars[0].IsMappable));
        Assert.True(machine.Devices[1].Function.Bars[0].IsMappable);
        Assert.Equal(20UL, machine.Devices[1].Function.Bars[0].Registers.Single(r => r.Name == "XFERCAP").ResetValue);
    }

    [Fact]
    public void AUnitAndADeviceHaveWhatTheDescriptionLeavesThem()
    {
        const string json = """
            {
              "units": [
                { "name": "dmar0", "pasidBits": 8 },
                { "name": "dmar1", "pageRequests": false, "nesting": false, "dirtyTracking": false, "pasidBits": 0 }
              ],
              "devices": [
                { "model": "dmatest", "address": "00:03.0" },
                { "model": "dmatest", "address": "00:04.0", "pasidBits": 4, "pri": 2 },
                { "model": "dmatest", "address": "00:05.0", "ats": false },
                { "model": "dmatest", "address": "00:06.0", "unit": "dmar1" },
                { "model": "edu", "address": "00:07.0" },
              ]
            }
            """;
        using var machine = SoftwareMachine.Create(MachineDescription.Parse("m.json", Encoding.UTF8.GetBytes(json)));
        Assert.Equal(
            [(8, true, 32), (4, true, 2), (8, false, 0), (0, false, 0), (0, false, 0)],
            machine.Devices.Select(d =>
                (d.Endpoint.Enabled.PasidBits, d.Endpoint.Enabled.Ats, d.Endpoint.Enabled.PageRequests)));
        Assert.Equal([20, 4, 20, 20, 0], machine.Devices.Select(d => d.Function.PasidBits));
    }

    [Theory]
    [InlineData("ahci",
        "device \"ahci\": there is no device model \"ahci\"; expected one of: "
        + "dmatest, dsa, edu, ioat, nvme, virtio-blk, virtio-net.")]
    [InlineData("edu@9", "device \"edu@9\": \"9\" is not an address such as 1000:00:05.0.")]
    [InlineData("edu@1000:00:03.0", "device \"edu@1000:00:03.0\": 1000:00:03.0 is taken; give another address.")]
    public void AnAddedDeviceThatCannotBeIsRefused(string text, string message) =>
        Assert.Equal(message, Assert.Throws<MachineDescriptionException>(
            () => MachineDescription.Default.WithDevice(text)).Message);

    [Fact]
    public void EveryLinkOfSysfsLeadsToSomethingThatIsServed()
    {
        using var machine = SoftwareMachine.Create(MachineDescription.Default);
        foreach (VirtualLink link in machine.Paths.Values.OfType<VirtualLink>())
        {
            string target = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(link.Path)!, link.Target));
            Assert.True(machine.Paths.ContainsKey(target), $"{link.Path} leads to {target}");
        }

        foreach (string path in machine.Paths.Keys)
        {
            string parent = Path.GetDirectoryName(path)!;
            Assert.True(parent is "/dev" or "/sys" or "/proc" || machine.Paths.ContainsKey(parent),
                $"{path} has no parent");
        }
    }
}
