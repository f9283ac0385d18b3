using System.Reflection;

namespace Ioasis.Tests.Architecture;

/// <summary>A program that uses two rooms can write the name of each public type without its namespace.</summary>
public sealed class NameTests
{
    [Fact]
    public void NoTwoPublicTypesShareAName()
    {
        // No program refers to the command.
        IEnumerable<Type> types = Repository.Libraries
            .SelectMany(room => Assembly.Load(room).GetExportedTypes())
            .Where(type => !type.IsNested); // a nested type is written with its type's name
        Dictionary<string, Type> known = [];
        foreach (Type type in types)
            Assert.True(known.TryAdd(type.Name, type), $"{type} and {known[type.Name]} share a name");
        Assert.Contains("IommufdIoas", known.Keys);
    }
}
