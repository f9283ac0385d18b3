using System.Text.Json.Nodes;
using Ioasis.Web.Lessons;
using Ioasis.Web.Sources;

namespace Ioasis.Tests.Web;

/// <summary>Lessons as the page asks for them, and as somebody asks who means harm.</summary>
public sealed class LessonApiTests : IAsyncLifetime
{
    private WebClient _web = null!;

    public async ValueTask InitializeAsync() => _web = await WebClient.Start(new NoMachine());

    public ValueTask DisposeAsync() => _web.DisposeAsync();

    [Fact]
    public async Task ALessonsMachineIsAskedAsAnyOther()
    {
        string dma = await Begin("dma"), sva = await Begin("sva");
        Assert.Equal(("lesson", "Map, DMA, fault"), About(await _web.Get($"/api/about?machine={dma}")));
        Assert.Equal("lessons", (string?)(await _web.Get("/api/about")).Body!["kind"]);
        (int status, JsonNode? step) = await _web.Post($"/api/lesson/next?machine={dma}&at=0");
        Assert.Equal((200, 1), (status, step!["done"]!.AsArray().Count));
        JsonNode one = (await _web.Get($"/api/state?machine={dma}")).Body!,
            other = (await _web.Get($"/api/state?machine={sva}")).Body!;
        Assert.Single(one["contexts"]!.AsArray());
        Assert.Empty(other["contexts"]!.AsArray());
        JsonNode walk = step["done"]![0]!["walk"]!;
        (status, JsonNode? walked) = await _web.Get(
            $"/api/walk?machine={dma}&device={walk["device"]}&address={walk["address"]}");
        Assert.Equal((200, "NotAttached"), (status, (string?)walked!["reason"]));
        Assert.Single((await _web.Get($"/api/lesson?machine={dma}")).Body!["done"]!.AsArray());
    }

    [Fact]
    public async Task WhatIsWrongIsRefusedInWords()
    {
        string id = await Begin("dma");
        await Refused(400, "There is no lesson \"dmaa\"", _web.Post("/api/lessons/dmaa"));
        await Refused(400, "no lesson was begun", _web.Get("/api/lesson"));
        await Refused(400, "0 steps of the lesson are done, not 7", _web.Post($"/api/lesson/next?machine={id}&at=7"));
        await Refused(400, "is no number of steps", _web.Post($"/api/lesson/next?machine={id}&at=-1"));
        await Refused(400, "is no number of steps", _web.Post($"/api/lesson/next?machine={id}"));
        await Refused(400, "only a recording has a position", _web.Post("/api/position?at=1"));
        await Refused(410, "the lesson was left", _web.Get("/api/state?machine=dma-999"));
        int steps = LessonBook.All[0].Steps.Count;
        for (int at = 0; at < steps; at++)
            Assert.Equal(200, (await _web.Post($"/api/lesson/next?machine={id}&at={at}")).Status);
        await Refused(400, "The lesson is at its end", _web.Post($"/api/lesson/next?machine={id}&at={steps}"));
        Assert.Equal(200, (await _web.Post($"/api/lesson/leave?machine={id}")).Status);
        await Refused(410, "the lesson was left", _web.Post($"/api/lesson/next?machine={id}&at=0"));
    }

    /// <summary>The folder of a lesson's machine has passed no check of the secret when asked itself.</summary>
    [Fact]
    public async Task TheWayToALessonsMachineIsByItsIdAlone()
    {
        await Begin("dma");
        Assert.Equal(404, (await _web.Get("/lessons/1/api/state")).Status);
        Assert.Equal(405, (await _web.Post("/lessons/1/api/lesson/next?at=0")).Status);
    }

    [Fact]
    public async Task AThousandAtOnceMakeOneStep()
    {
        string id = await Begin("dma");
        (int Status, JsonNode? Body)[] answers = await Task.WhenAll(
            Enumerable.Range(0, 1000).Select(_ => _web.Post($"/api/lesson/next?machine={id}&at=0")));
        Assert.Single(answers, a => a.Status == 200);
        Assert.All(answers.Where(a => a.Status != 200), a =>
        {
            Assert.Equal(400, a.Status);
            Assert.Contains((string?)a.Body!["error"],
                (string[])["A step is under way.", "1 steps of the lesson are done, not 0."]);
        });
        Assert.Single((await _web.Get($"/api/lesson?machine={id}")).Body!["done"]!.AsArray());
    }

    [Fact]
    public async Task AThousandBeginningsLeaveFewMachines()
    {
        (int Status, JsonNode? Body)[] answers = await Task.WhenAll(
            Enumerable.Range(0, 1000).Select(_ => _web.Post("/api/lessons/dma")));
        Assert.Contains(answers, a => a.Status == 200);
        Assert.All(answers.Where(a => a.Status != 200), a =>
            Assert.Equal("Another lesson is just beginning; try again.", (string?)a.Body!["error"]));
        int there = 0;
        foreach ((_, JsonNode? body) in answers.Where(a => a.Status == 200))
            if ((await _web.Get($"/api/state?machine={body!["machine"]}")).Status == 200) there++;
        Assert.InRange(there, 1, LessonBook.Places);
    }

    private async Task<string> Begin(string name)
    {
        (int status, JsonNode? body) = await _web.Post($"/api/lessons/{name}");
        Assert.Equal(200, status);
        return (string)body!["machine"]!;
    }

    private static (string?, string?) About((int Status, JsonNode? Body) answer) =>
        ((string?)answer.Body!["kind"], (string?)answer.Body["title"]);

    private static async Task Refused(int status, string words, Task<(int Status, JsonNode? Body)> asked)
    {
        (int answered, JsonNode? body) = await asked;
        Assert.Equal(status, answered);
        Assert.Contains(words, (string?)body?["error"], StringComparison.Ordinal);
    }
}
